"""NVIDIA's cards as their driver tells of them, without CUDA's libraries."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from camruntime.errors import ProviderError

_NO_DEVICE = 100


@dataclass(frozen=True)
class Card:
    """A card; `memory` in bytes."""

    name: str
    memory: int


def cards() -> list[Card]:
    """All cards, in the driver's order, which is that of `device_id`.

    Raises:
        ProviderError: there is no driver, or it does not start; the message says why.
    """
    file = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(file)
    except OSError as error:
        raise ProviderError(f"NVIDIA's driver is not installed: {error}") from error
    status = driver.cuInit(0)
    if status not in (0, _NO_DEVICE):
        raise ProviderError(f"NVIDIA's driver does not start: cuInit answers {status}")
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return [_card(driver, number) for number in range(count.value)]


def _card(driver: ctypes.CDLL, number: int) -> Card:
    device, memory = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Card(name.value.decode(errors="replace"), memory.value)
