"""PURE. The resources as typed models: the one source of the CRD, of the reference and of what the operator reads."""
