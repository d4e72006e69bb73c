"""A member's promise to vote for nobody: the follower's half of a read lease (DESIGN decision 14).

The promise is kept apart from the election timeout, through suspicion, and for its whole length after a start, because a
member that restarted may have promised before.
"""

from __future__ import annotations


class VotePromise:
    __slots__ = ("sent_ms", "start_until_ms", "term", "until_ms")

    def __init__(self, now_ms: int, lease_ms: int) -> None:
        self.start_until_ms = now_ms + lease_ms
        """What an earlier life may have promised, to a leader unknown: nothing overrides it, and nothing prolongs it."""
        self.until_ms = now_ms
        self.term = 0
        """Term of the leader that was promised to."""
        self.sent_ms = 0
        """That leader's clock when it sent what was answered."""

    def make(self, now_ms: int, lease_ms: int, term: int, sent_ms: int) -> None:
        """Promise to the leader of `term`. What was promised before keeps holding."""
        if now_ms >= self.until_ms or term > self.term:
            self.term = term
            self.sent_ms = sent_ms
        elif term == self.term:
            self.sent_ms = max(self.sent_ms, sent_ms)
        self.until_ms = max(self.until_ms, now_ms + lease_ms)

    def remaining_ms(self, now_ms: int) -> int:
        return max(0, self.until_ms - now_ms, self.start_until_ms - now_ms)

    def yields_to(self, now_ms: int, term: int, offered_ms: int) -> bool:
        """Whether a campaign that the leader of `term` itself asked for, at `offered_ms` on its clock, may go ahead.

        That leader no longer counts promises for what it sent before its offer. A leader of a later term proves that
        earlier leases had ended.
        """
        if now_ms < self.start_until_ms:
            return False
        return self.term < term or (self.term == term and self.sent_ms <= offered_ms)
