"""Votes verified in batches, on a GPU where there is one, with the verdict that every machine gives.

`kernels/` is one set of C++ headers for the device and for the host; `library` loads the host's build, `host` verifies with it (or, without
a compiler, with the rule itself), `cuda` drives a GPU, `engine` decides who verifies a batch and mistrusts the device. What is right is
said by `quorate_node.crypto.verdict` alone.
"""
