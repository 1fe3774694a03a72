"""Edge maps: the contract of a plugged-in edge model, and OpenCV's Scharr where there is none.

An edge model is an ONNX file from a picture to one edge map, and a JSON file of the same stem
beside it (`edges.onnx` and `edges.json`), which is `EdgeModel` as JSON. `camexport edges` writes
both; for another network the JSON can be written by hand.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from camruntime._decode import DecodeError, fit, parse_object
from camruntime._opencv import cv2
from camruntime._text import named
from camruntime.errors import EdgeModelError
from camruntime.maps import ROUNDING, FloatArray

SCHEMA_VERSION = 1
EDGES = "edges.onnx"
"""The ONNX file's name in a directory, such as a bundle's."""

_GAIN = 32.0  # sum of the absolute weights of a Scharr kernel


@dataclass(frozen=True, kw_only=True)
class EdgeModel:
    """What the JSON beside the ONNX file says.

    Attributes:
        name: of the network and its weights, for people.
        file: the ONNX file's name.
        input, output: names of the graph's tensors, `(n, 3, H, W)` and `(n, 1, H, W)`.
        colour: order of the three channels.
        scale: pixel values in [0, 1] are multiplied by it first: 255 for networks from Caffe.
        mean, std: per channel in the order of `colour`: `(value * scale - mean) / std`.
        sha256: of the ONNX file; None is not checked.
    """

    schema_version: int
    name: str
    file: str
    input: str
    output: str
    colour: Literal["RGB", "BGR"]
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sha256: str | None

    def write(self, folder: Path) -> None:
        """Write the JSON into `folder`, under the stem of `file`."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        (folder / self.file).with_suffix(".json").write_text(text + "\n", encoding="utf-8")

    def prepare(self, pixels: FloatArray) -> FloatArray:
        """RGB pixels in [0, 1] -> the network's input; both float32 `(1, 3, H, W)`."""
        ordered = pixels if self.colour == "RGB" else pixels[:, ::-1]
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.mean, self.std))
        return np.ascontiguousarray((ordered * np.float32(self.scale) - mean) / std, np.float32)

    def edge_map(self, output: FloatArray, size: tuple[int, int]) -> FloatArray:
        """The network's output as one map, float32 `(H, W)` clipped to [0, 1].

        Args:
            output: `(1, 1, H, W)`, `(1, H, W)` or `(H, W)`.
            size: `(H, W)` of the picture.

        Raises:
            EdgeModelError: the output has another shape, or holds NaN or infinity.
        """
        if output.ndim not in (2, 3, 4) or output.shape != (1,) * (output.ndim - 2) + tuple(size):
            raise EdgeModelError(
                f"{self.name} answered with shape {output.shape}, expected (1, 1, {size[0]}, "
                f"{size[1]}): name the graph's output with one map of the picture's size"
            )
        if not np.isfinite(output).all():
            raise EdgeModelError(
                f"{self.name} answered NaN or infinity: check scale, mean and std in the JSON "
                "beside it, and its weights"
            )
        return np.clip(output.reshape(size), 0, 1).astype(np.float32)


def open_edge_model(
    path: str | Path, signed: Mapping[str, str] | None = None
) -> tuple[Path, EdgeModel, bytes]:
    """Find an edge model; the ONNX file's path, what the JSON beside it says, and what it holds.

    Args:
        path: the ONNX file, or a directory that holds `edges.onnx`.
        signed: SHA-256 of both files by name, where they have to be those that were signed.

    Raises:
        EdgeModelError: one of the two files is missing; the schema is another one; a field is
            missing or wrong; the ONNX file does not match its digest.
    """
    given = Path(path)
    try:
        file = given / EDGES if given.is_dir() else given
        found = file.suffix == ".onnx" and file.is_file()
    except OSError:  # a name that is too long, or a folder that may not be looked into
        found = False
    if not found:
        raise EdgeModelError(
            f"no edge model at {named(given)}: expected an .onnx file or a directory that holds "
            f"{EDGES}; `camexport edges --weights FILE --out DIR` makes one"
        )
    model = _read(file.with_suffix(".json"), signed)
    graph = _bytes(file, signed)
    _check(model, file, graph)
    return file, model, graph


def scharr(pixels: FloatArray) -> FloatArray:
    """Magnitude of OpenCV's Scharr gradient of the grey picture, over its maximum.

    Args:
        pixels: float32 RGB `(1, 3, H, W)` in [0, 1].

    Returns:
        float32 `(H, W)` in [0, 1]; all zero for a picture that is flat but for rounding.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[0].transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Scharr(grey, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    magnitude = np.sqrt(across**2 + down**2, dtype=np.float32)
    peak = magnitude.max()
    if peak <= ROUNDING * _GAIN * np.abs(grey).max():
        return np.zeros_like(magnitude)
    return np.asarray(magnitude / peak, np.float32)


def _bytes(file: Path, signed: Mapping[str, str] | None) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise EdgeModelError(f"cannot read {file}: {error.strerror or error}") from error
    if signed is not None and signed.get(file.name) != hashlib.sha256(data).hexdigest():
        raise EdgeModelError(
            f"{file} is not what was signed with the bundle: take the whole folder from who signed "
            "it, and open it again"
        )
    return data


def _read(file: Path, signed: Mapping[str, str] | None) -> EdgeModel:
    if not file.is_file():
        example = json.dumps(dataclasses.asdict(_EXAMPLE))
        raise EdgeModelError(f"{file} is missing: it has to say what the model wants, as {example}")
    advice = "make the edge model again with the matching camexport, or correct the JSON"
    try:
        raw = parse_object(_bytes(file, signed), file, SCHEMA_VERSION, advice)
        return fit(EdgeModel, raw, file, "edges")
    except DecodeError as error:
        raise EdgeModelError(str(error)) from error


def _check(model: EdgeModel, file: Path, graph: bytes) -> None:
    """Raise `EdgeModelError` where the JSON contradicts itself or the ONNX file."""
    if model.file != file.name:
        raise EdgeModelError(
            f"the JSON beside {file} is that of '{model.file}': correct its field `file`, or put "
            "the two files that belong together side by side"
        )
    numbers = (model.scale, *model.mean, *model.std)
    if not all(map(math.isfinite, numbers)) or model.scale == 0 or min(model.std) <= 0:
        raise EdgeModelError(
            f"the JSON beside {file} has scale {model.scale}, mean {model.mean} and std "
            f"{model.std}: expected finite numbers, scale not 0 and std above 0"
        )
    found = None if model.sha256 is None else hashlib.sha256(graph).hexdigest()
    if found != model.sha256:
        raise EdgeModelError(
            f"{file} was changed or damaged: SHA-256 {found!s:.12}… where the JSON beside it says "
            f"{model.sha256!s:.12}…; copy both again or make them again with `camexport edges`"
        )


_EXAMPLE = EdgeModel(
    schema_version=SCHEMA_VERSION,
    name="HED (bsds500, padding 1)",
    file=EDGES,
    input="image",
    output="edges",
    colour="BGR",
    scale=255.0,
    mean=(104.00698793, 116.66876762, 122.67891434),
    std=(1.0, 1.0, 1.0),
    sha256=None,
)
