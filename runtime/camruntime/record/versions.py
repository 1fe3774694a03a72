"""What computed, by version."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

import numpy as np

from camruntime._opencv import cv2
from camruntime._version import version
from camruntime.engine import runtime_version


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Of this package, and of what it computes with."""

    camruntime: str
    onnxruntime: str
    numpy: str
    opencv: str
    python: str


@cache
def versions() -> Versions:
    """Those of this process: reading the distribution's takes longer than all of a record."""
    return Versions(
        camruntime=version(),
        onnxruntime=runtime_version(),
        numpy=np.__version__,
        opencv=cv2.__version__,
        python=platform.python_version(),
    )
