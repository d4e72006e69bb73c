"""What waits for a slow connection: bounded by messages and by bytes, and emptied a frame's worth at a time."""

from __future__ import annotations

from collections import deque

from quorate_node.protocol.message import Message
from quorate_node.transport.frames import Frame

MESSAGE_BYTES = 64
"""About what a message takes without its entries and context."""
ENTRY_BYTES = 24


def estimated_bytes(message: Message) -> int:
    """Encoded size of a message, within its integers' width: cheap, for the queue's bound."""
    size = MESSAGE_BYTES + len(message.context)
    for entry in message.entries:
        size += ENTRY_BYTES + len(entry.data)
    return size


class Outbox:
    """First in, first out. Messages that were queued together come out together, up to `batch_bytes_max`."""

    def __init__(self, messages_max: int, bytes_max: int, batch_bytes_max: int) -> None:
        assert messages_max > 0 and bytes_max > 0 and batch_bytes_max > 0
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._batch_bytes_max = batch_bytes_max
        self._items: deque[tuple[Message | Parcel, int]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def push(self, item: Message | Parcel) -> bool:
        """False: it does not fit, and was not taken."""
        size = len(item.frame) if isinstance(item, Parcel) else estimated_bytes(item)
        if len(self._items) >= self._messages_max or self.bytes + size > self._bytes_max:
            return False
        self._items.append((item, size))
        self.bytes += size
        return True

    def take(self) -> list[Message] | Parcel:
        """What makes the next frame: one parcel, or as many messages as were queued before the next parcel. Never empty."""
        assert self._items, "take() of an empty outbox"
        first = self._pop()
        if isinstance(first, Parcel):
            return first
        batch = [first]
        size = estimated_bytes(first)
        while self._items:
            item, item_bytes = self._items[0]
            if isinstance(item, Parcel) or size + item_bytes > self._batch_bytes_max:
                break
            self._pop()
            batch.append(item)
            size += item_bytes
        return batch

    def _pop(self) -> Message | Parcel:
        item, size = self._items.popleft()
        self.bytes -= size
        assert self.bytes >= 0
        return item

    def clear(self) -> int:
        """Forget everything; returns how many messages and parcels that were."""
        count = len(self._items)
        self._items.clear()
        self.bytes = 0
        return count


class Parcel:
    """A frame that was encoded already (a request), and whether it has left.

    An `abandoned` one must not leave any more: its sender was told that the peer cannot have seen it, and may have asked elsewhere.
    """

    __slots__ = ("abandoned", "frame", "sent")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.sent = False
        self.abandoned = False
