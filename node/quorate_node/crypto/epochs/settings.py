"""Every limit of the group keys, by name, with its default."""

from __future__ import annotations

from dataclasses import dataclass, fields

from quorate_node.crypto.epochs.errors import ValidationError

MEBIBYTE = 1024 * 1024
STEPS_LIMIT = 2**32
"""The header has 32 bits for the step."""
EPOCHS_ANNOUNCED_MAX = 16
"""What an announcement has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSettings:
    """Raises `ValidationError`, naming the field, the value and the limit, when one makes no sense."""

    step_interval_ms: int = 100
    """A link's chain steps at most once in so long, and only after it has sealed."""
    receive_settle_ms: int = 1_000
    """So long after the first frame of a step the receiver erases the step's chain key, even when no later frame comes. The sender has
    stepped by then; at least twice the step interval of every member."""
    late_ms: int = 10_000
    """So long a key that was used and left behind still opens frames that come late on an idle connection."""
    late_steps_max: int = 1
    """A frame may come so many steps after a newer one of its connection; the keys of those steps stay in memory. On an ordered transport
    none does, a transport that reorders needs its longest delay in steps."""
    skipped_steps_max: int = 256
    """How far one frame may move a chain, and how many unused keys a connection holds for frames that others have overtaken."""
    replay_window: int = 1_024
    """Frames of one key: one that is older than the newest by so many is refused."""

    grace_ms: int = 60_000
    """An epoch dies so long after a newer one was installed, whoever has not announced that one."""
    linger_ms: int = 5_000
    """So long an epoch still opens what was under way when all had announced a newer one."""
    epochs_max: int = 4
    """Installed and not erased; the oldest makes room."""
    members_max: int = 1_024
    connections_per_member_max: int = 16
    group_id_bytes_max: int = 256

    frames_per_key_max: int = 2**20
    """Of the 2^64 that a nonce could count."""
    bytes_per_key_max: int = 2**34
    """2^30 blocks of AES-GCM: whoever tells it from random does so with a chance below 2^-68."""
    steps_max: int = 2**31
    """Of an epoch; half of what the header can count. At ten steps a second seven years."""

    batch_messages_max: int = 65_536
    batch_bytes_max: int = 64 * MEBIBYTE
    """All messages of one frame, with their lengths."""
    pool_buffers_max: int = 8
    pool_bytes_max: int = 16 * MEBIBYTE
    """What is kept of buffers for opened frames that were given back."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            floor = 0 if field.name in {"late_steps_max", "linger_ms", "pool_buffers_max", "pool_bytes_max"} else 1
            if value < floor:
                raise ValidationError(f"epochs.{field.name} is {value}; it must be at least {floor}")
        if self.receive_settle_ms < 2 * self.step_interval_ms:
            raise ValidationError(
                f"epochs.receive_settle_ms is {self.receive_settle_ms}, below twice epochs.step_interval_ms ({self.step_interval_ms});"
                " raise the first or lower the second"
            )
        if self.linger_ms > self.grace_ms:
            raise ValidationError(
                f"epochs.linger_ms is {self.linger_ms}, above epochs.grace_ms {self.grace_ms}; lower the first or raise the second"
            )
        if self.batch_bytes_max > self.bytes_per_key_max:
            raise ValidationError(
                f"epochs.batch_bytes_max is {self.batch_bytes_max}, above epochs.bytes_per_key_max {self.bytes_per_key_max};"
                " lower the first or raise the second"
            )
        self._check_limit("epochs_max", EPOCHS_ANNOUNCED_MAX)
        self._check_limit("steps_max", STEPS_LIMIT // 2)
        self._check_limit("frames_per_key_max", 2**32)
        self._check_limit("bytes_per_key_max", 2**36)
        self._check_limit("batch_messages_max", 2**24)
        self._check_limit("batch_bytes_max", 2**30)

    def _check_limit(self, name: str, limit: int) -> None:
        value = getattr(self, name)
        if value > limit:
            raise ValidationError(f"epochs.{name} is {value}; it must be at most {limit}")


DEFAULT = EpochSettings()
