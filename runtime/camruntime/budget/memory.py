"""How much memory of this process something takes at most, as Linux counts it.

On devices with memory of their own it is not measured: their providers take a limit themselves,
such as CUDA's `gpu_mem_limit`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

from camruntime.engine import Kind

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK, _NOW = "VmHWM", "VmRSS"


def is_measurable(kind: Kind) -> bool:
    """Whether that is known: of what computes in this process's memory, on Linux."""
    return not kind.own_memory and _gives_back() and _peak_starts_anew()


def growth_of(work: Callable[[], object]) -> int:
    """Bytes by which the process's memory was larger at most while `work` ran."""
    _gives_back()
    _peak_starts_anew()
    before = _bytes(_NOW)
    work()
    return max(0, _bytes(_PEAK) - before)


def _gives_back() -> bool:
    """Give free memory back to the system, as taking it again would not be seen.

    False where the C library is not GNU's.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return False
    return True


def _peak_starts_anew() -> bool:
    """Forget the peak so far; False where that cannot be had."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _bytes(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None  # since Linux 2.6
    return 1024 * int(found[1])
