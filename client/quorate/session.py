"""The client's half of exactly-once writes: sequence numbers, and the window of those that are not settled yet.

A session is created by an entry of the log; every write carries (session, seq, acked_below). A member that sees a seq again
answers with the reply it kept, so a write may be sent again after any lost connection or change of leader. Replies below
`acked_below` are settled and may be forgotten. Source: Ongaro's thesis, section 6.3.
"""

from __future__ import annotations


class SessionWindow:
    """Numbers of one session. Invariant: 1 <= acked_below <= next_seq <= acked_below + window_max."""

    __slots__ = ("_settled", "acked_below", "last_use_s", "next_seq", "session", "window_max")

    def __init__(self, session: int, window_max: int, now_s: float) -> None:
        assert session > 0 and window_max > 0
        self.session = session
        self.window_max = window_max
        self.next_seq = 1
        self.acked_below = 1
        self.last_use_s = now_s
        self._settled: set[int] = set()

    @property
    def outstanding(self) -> int:
        """Writes that are not settled."""
        return self.next_seq - self.acked_below - len(self._settled)

    @property
    def full(self) -> bool:
        """The oldest unsettled write is so far back that members might forget its reply: take no new number yet."""
        return self.next_seq - self.acked_below >= self.window_max

    def take(self, now_s: float) -> int:
        """The next sequence number. The caller has checked `full`."""
        assert not self.full, "a number beyond the window would make members forget a reply that is still needed"
        seq = self.next_seq
        self.next_seq = seq + 1
        self.last_use_s = now_s
        return seq

    def settle(self, seq: int) -> None:
        """The write was answered, or its caller gave up: it will not be sent again."""
        if seq == self.acked_below:
            seq += 1
            settled = self._settled
            while seq in settled:
                settled.remove(seq)
                seq += 1
            self.acked_below = seq
        elif seq > self.acked_below:
            self._settled.add(seq)
        assert self.acked_below <= self.next_seq

    def stale(self, now_s: float, ttl_ms: int) -> bool:
        """Idle so long that members may be about to expire it. With nothing outstanding a fresh one loses nothing."""
        return self.outstanding == 0 and (now_s - self.last_use_s) * 2000 > ttl_ms
