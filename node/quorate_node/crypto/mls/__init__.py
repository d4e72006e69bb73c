"""Messaging Layer Security, RFC 9420: a group of members agrees on keys that removed members do not have. Pure.

Time, randomness and pre-shared keys are arguments; a transition of a group returns a new group and leaves the old one whole.
Section numbers in this package are those of RFC 9420, unless another one is named.
"""
