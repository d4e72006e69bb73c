"""The group-key context: epochs of an MLS group, and the traffic keys that every link of a member has in them. Pure.

`Keyring` is one member's. It is given what an MLS group exports, announcements of peers, random bytes and the time, and seals and opens
whole network batches. docs/keys.md has the table of states.
"""
