"""What members do as trace events of etcd's Raft (etcd-io/raft, `state_trace.go`), for its TLA+ specification to judge."""
