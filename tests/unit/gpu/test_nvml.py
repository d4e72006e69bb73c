"""A device's health: what it does not say is None, and what is no device is an error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quorate_node.gpu.nvml import NoHealth, Nvml


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):  # noqa: N801 - NVML's own name.
    pass


def module(**changed: Any) -> SimpleNamespace:
    names: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVMLError_NotSupported": NVMLError_NotSupported,
        "NVML_CLOCK_SM": 1,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda ordinal: ordinal,
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(used=5, total=7),
        "nvmlDeviceGetUtilizationRates": lambda device: SimpleNamespace(gpu=93),
        "nvmlDeviceGetMigMode": lambda device: (0, 0),
        "nvmlDeviceGetUUID": lambda device: b"GPU-1",
        "nvmlDeviceGetName": lambda device: "NVIDIA H200",
        "nvmlSystemGetDriverVersion": lambda: "580.1",
        "nvmlDeviceGetClockInfo": lambda device, clock: 1755,
        "nvmlDeviceGetMaxClockInfo": lambda device, clock: 1980,
        "nvmlDeviceGetTemperature": lambda device, sensor: 44,
        "nvmlDeviceGetPowerUsage": lambda device: 123_456,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda device: 0,
    }
    return SimpleNamespace(**(names | changed))


def refuse(error: Exception) -> Any:
    def ask(*_: object) -> None:
        raise error

    return ask


def test_a_device_tells_its_health() -> None:
    health = Nvml(module()).health()
    assert (health.uuid, health.name, health.power_watts, health.mig) == ("GPU-1", "NVIDIA H200", 123.456, False)
    assert (health.sm_clock_mhz, health.utilization_percent, health.throttle_reasons) == (1755, 93, 0)


def test_what_a_slice_does_not_support_is_none_and_not_zero() -> None:
    no = refuse(NVMLError_NotSupported("not supported"))
    changed = dict.fromkeys(
        (
            "nvmlDeviceGetUtilizationRates",
            "nvmlDeviceGetClockInfo",
            "nvmlDeviceGetMigMode",
            "nvmlDeviceGetPowerUsage",
            "nvmlDeviceGetMemoryInfo",
        ),
        no,
    )
    health = Nvml(module(**changed)).health()
    assert (health.utilization_percent, health.sm_clock_mhz, health.mig, health.power_watts) == (None, None, None, None)
    assert (health.memory_used_bytes, health.temperature_celsius) == (None, 44)


def test_a_device_that_fell_off_the_bus_is_an_error() -> None:
    lost = refuse(NVMLError("GPU is lost"))
    with pytest.raises(NoHealth, match="GPU is lost"):
        Nvml(module(nvmlDeviceGetTemperature=lost)).health()
    with pytest.raises(NoHealth, match="device 3"):
        Nvml(module(nvmlDeviceGetHandleByIndex=lost)).health(3)
    with pytest.raises(NoHealth, match="does not start"):
        Nvml(module(nvmlInit=lost))
