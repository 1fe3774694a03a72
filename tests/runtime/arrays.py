"""Short spelling of float32 arrays for cases written out by hand."""

from __future__ import annotations

import numpy as np

from camruntime.maps import FloatArray


def f32(values: object) -> FloatArray:
    """Nested lists -> float32."""
    return np.array(values, np.float32)
