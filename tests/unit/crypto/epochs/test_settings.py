"""Limits that make no sense are refused, with field, value and limit."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from quorate_node.crypto.epochs.errors import ValidationError
from quorate_node.crypto.epochs.settings import DEFAULT, EpochSettings

MAY_BE_ZERO = {"late_steps_max", "linger_ms", "pool_buffers_max", "pool_bytes_max"}


@pytest.mark.parametrize("name", [field.name for field in fields(EpochSettings)])
def test_every_limit_has_a_floor(name: str) -> None:
    floor = 0 if name in MAY_BE_ZERO else 1
    with pytest.raises(ValidationError, match=f"epochs.{name} is {floor - 1}; it must be at least {floor}"):
        replace(DEFAULT, **{name: floor - 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps_max", 2**31 + 1),
        ("frames_per_key_max", 2**32 + 1),
        ("bytes_per_key_max", 2**36 + 1),
        ("batch_messages_max", 2**24 + 1),
        ("batch_bytes_max", 2**30 + 1),
        ("epochs_max", 17),
    ],
)
def test_no_setting_reaches_what_the_format_or_the_cipher_can_bear(name: str, value: int) -> None:
    with pytest.raises(ValidationError, match=f"epochs.{name} is {value}; it must be at most {value - 1}"):
        replace(DEFAULT, **{name: value})


def test_a_receiver_never_leaves_a_step_before_its_sender() -> None:
    with pytest.raises(ValidationError, match=r"epochs.receive_settle_ms is 1000, below twice epochs.step_interval_ms \(501\)"):
        EpochSettings(step_interval_ms=501)


def test_lingering_ends_with_the_grace() -> None:
    with pytest.raises(ValidationError, match=r"epochs.linger_ms is 5000, above epochs.grace_ms 4999"):
        EpochSettings(grace_ms=4_999)


def test_a_key_can_seal_the_largest_batch() -> None:
    with pytest.raises(ValidationError, match=r"epochs.batch_bytes_max is 1025, above epochs.bytes_per_key_max 1024"):
        EpochSettings(batch_bytes_max=1_025, bytes_per_key_max=1_024)


def test_a_bad_setting_is_a_value_error_too() -> None:
    """So that whoever reads a configuration need not know this package."""
    with pytest.raises(ValueError, match="grace_ms"):
        EpochSettings(grace_ms=0)
