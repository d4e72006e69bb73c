"""The one rule for Ed25519 signatures that consensus sees, and what is counted by it. Pure.

`rule` says it in Python integers: exact, slow, and the judge of the other implementations. `fast` accepts by libsodium first and asks the
rule about all that libsodium refuses. `registration` says which keys become validators, `validators` and `certificate` count their votes.
"""
