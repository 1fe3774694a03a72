"""Saliency maps for bundles of ONNX graphs, with ONNX Runtime and without a training framework.

import camruntime

explainer = camruntime.load("exported_models/inspector")
explanation = explainer.explain("part.png")
explanation.save("out", "part")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from camruntime.bundle import Bundle, open_bundle
from camruntime.errors import CamError
from camruntime.explanation import Explanation
from camruntime.methods import METHODS, ReciproCAM, ScoreCAM
from camruntime.pictures import Box, Pixels

if TYPE_CHECKING:
    from camruntime.explainer import Explainer, load
    from camruntime.explaining import Contrast
    from camruntime.good_parts import Drift

__all__ = [
    "METHODS",
    "Box",
    "Bundle",
    "CamError",
    "Contrast",
    "Drift",
    "Explainer",
    "Explanation",
    "Pixels",
    "ReciproCAM",
    "ScoreCAM",
    "load",
    "open_bundle",
]


def __getattr__(name: str) -> object:
    """ONNX Runtime is imported with `load`, so that bundles can be read where it is missing."""
    if name in ("Explainer", "load"):
        from camruntime import explainer

        return getattr(explainer, name)
    if name == "Contrast":
        from camruntime.explaining import Contrast

        return Contrast
    if name == "Drift":
        from camruntime.good_parts import Drift

        return Drift
    raise AttributeError(f"module 'camruntime' has no attribute '{name}'")
