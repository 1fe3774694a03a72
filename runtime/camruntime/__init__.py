"""Saliency maps for bundles of ONNX graphs, with ONNX Runtime and without a training framework.

import camruntime

explainer = camruntime.load("exported_models/inspector")
explanation = explainer.explain("part.png")
explanation.save("out", "part")

Every package in here is an attribute too, such as `camruntime.methods`, imported when asked for.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from camruntime.errors import CamError

if TYPE_CHECKING:
    from camruntime.budget import Policy
    from camruntime.bundle import Bundle, open_bundle
    from camruntime.explainer import Explainer, load
    from camruntime.explaining import Contrast
    from camruntime.explanation import Explanation
    from camruntime.good_parts import Drift
    from camruntime.methods import METHODS, ReciproCAM, ScoreCAM
    from camruntime.pictures import Box, Pixels

    __version__: str

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
    "Policy",
    "ReciproCAM",
    "ScoreCAM",
    "load",
    "open_bundle",
]

# What is logged goes where the application sends it; without this Python would print warnings.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_PLACES = {
    "METHODS": "methods",
    "Box": "pictures",
    "Bundle": "bundle",
    "Contrast": "explaining",
    "Drift": "good_parts",
    "Explainer": "explainer",
    "Explanation": "explanation",
    "Pixels": "pictures",
    "Policy": "budget",
    "ReciproCAM": "methods",
    "ScoreCAM": "methods",
    "load": "explainer",
    "open_bundle": "bundle",
}


def __getattr__(name: str) -> object:
    """What is asked for, imported now.

    So this package itself needs neither OpenCV nor ONNX Runtime: where one is missing, bundles can
    be read, and both programs start and say so in a line.
    """
    if name in _PLACES:
        found: object = getattr(import_module(f"camruntime.{_PLACES[name]}"), name)
        return found
    if name == "__version__":
        from camruntime._version import version

        return version()
    if name in _modules():
        return import_module(f"camruntime.{name}")
    raise AttributeError(f"module 'camruntime' has no attribute '{name}'{_elsewhere(name)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__", *_modules()})


def _modules() -> set[str]:
    """The packages and modules in here, but for those that are its own."""
    return {one.name for one in iter_modules(__path__) if not one.name.startswith("_")}


def _elsewhere(name: str) -> str:
    """Of a method's class, where it is."""
    if "CAM" in name and hasattr(import_module("camruntime.methods"), name):
        return f": write camruntime.methods.{name}"
    return ""
