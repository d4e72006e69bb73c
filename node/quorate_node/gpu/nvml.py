"""What NVML says about a device's health: clocks, heat, memory, why it is throttled. What it does not support is None, never zero.

Of the distribution `nvidia-ml-py` (its module is called `pynvml`; the distribution of that name is deprecated). A MIG slice has no
utilization and no clocks of its own: memory is what works there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NoHealth(Exception):
    """NVML is not here, or knows no such device."""


@dataclass(frozen=True, slots=True)
class Health:
    """None where the device does not say."""

    uuid: str | None
    name: str | None
    driver_version: str | None
    mig: bool | None
    sm_clock_mhz: int | None
    sm_clock_max_mhz: int | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    utilization_percent: int | None
    temperature_celsius: int | None
    power_watts: float | None
    throttle_reasons: int | None
    """NVML's bits (nvmlClocksEventReasons); 0: none."""


class Nvml:
    """NVML of this process. `module` is `pynvml`; another one in tests."""

    def __init__(self, module: Any = None) -> None:
        """Raises `NoHealth`."""
        if module is None:
            try:
                import pynvml as module  # type: ignore[import-not-found,import-untyped,unused-ignore,no-redef]
            except ImportError as error:
                raise NoHealth(f"nvidia-ml-py is not installed ({error}): install the extra gpu") from error
        self._nvml = module
        try:
            module.nvmlInit()
        except module.NVMLError as error:
            raise NoHealth(f"NVML does not start: {error}") from error

    def health(self, ordinal: int = 0) -> Health:
        """Of a device, now: about a millisecond. Raises `NoHealth`."""
        nvml = self._nvml
        try:
            device = nvml.nvmlDeviceGetHandleByIndex(ordinal)
        except nvml.NVMLError as error:
            raise NoHealth(f"device {ordinal}: {error}") from error
        memory = self._told(lambda: nvml.nvmlDeviceGetMemoryInfo(device))
        use = self._told(lambda: nvml.nvmlDeviceGetUtilizationRates(device))
        mig = self._told(lambda: nvml.nvmlDeviceGetMigMode(device)[0])
        milliwatts = self._told(lambda: nvml.nvmlDeviceGetPowerUsage(device))
        return Health(
            uuid=_text(self._told(lambda: nvml.nvmlDeviceGetUUID(device))),
            name=_text(self._told(lambda: nvml.nvmlDeviceGetName(device))),
            driver_version=_text(self._told(nvml.nvmlSystemGetDriverVersion)),
            mig=None if mig is None else bool(mig),
            sm_clock_mhz=self._told(lambda: nvml.nvmlDeviceGetClockInfo(device, nvml.NVML_CLOCK_SM)),
            sm_clock_max_mhz=self._told(lambda: nvml.nvmlDeviceGetMaxClockInfo(device, nvml.NVML_CLOCK_SM)),
            memory_used_bytes=None if memory is None else memory.used,
            memory_total_bytes=None if memory is None else memory.total,
            utilization_percent=None if use is None else use.gpu,
            temperature_celsius=self._told(lambda: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU)),
            power_watts=None if milliwatts is None else milliwatts / 1000,
            throttle_reasons=self._told(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(device)),
        )

    def _told(self, ask: Callable[[], Any]) -> Any:
        """The answer, or None where the device (or this slice of it) does not support the question."""
        try:
            return ask()
        except self._nvml.NVMLError_NotSupported:
            return None
        except self._nvml.NVMLError as error:
            raise NoHealth(f"NVML: {error}") from error


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value
