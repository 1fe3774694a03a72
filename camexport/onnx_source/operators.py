"""ONNX operators by name, as functions of attributes and inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from camexport.onnx_source.attributes import Attributes
from camexport.onnx_source.convolution import LAYERS
from camexport.onnx_source.elementwise import ELEMENTWISE
from camexport.onnx_source.shapes import SHAPES

OPERATORS: dict[str, Callable[..., Any]] = {**ELEMENTWISE, **LAYERS, **SHAPES}

__all__ = ["OPERATORS", "Attributes"]
