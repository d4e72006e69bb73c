"""The operator: keeps every `ConsensusCluster` of a Kubernetes as its resource says (DESIGN section 2, "A reconcile")."""
