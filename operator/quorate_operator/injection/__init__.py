"""The webhook that puts a non-voting member beside the containers of a labelled pod, and the certificate that it serves with."""
