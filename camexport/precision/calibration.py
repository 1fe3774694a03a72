"""The images that a lower precision is fitted to, and those that it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from camexport.errors import OptionError
from camexport.parity import noise
from camexport.precision.fidelity import Inputs
from camruntime.bundle import Input, Precision
from camruntime.datasets import evenly_spread, is_picture
from camruntime.maps import FloatArray
from camruntime.pictures import as_picture, prepare

_MOST = 200  # pictures of a larger folder; ranges hardly change with more, and each takes its time
_NOISE = 8

Images = Sequence[FloatArray]
"""As the network takes them, float32 `(1, channels, H, W)` each."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a bundle gets its lower precision.

    Attributes:
        precision: `fp16` or `int8`.
        fitted: images that the ranges of `int8` are found on; `fp16` has nothing to fit.
        judges: other images, on which maps are compared with those in float32.
        inputs: what these are.
    """

    precision: Precision
    fitted: Images
    judges: Images
    inputs: Inputs


def read_calibration(precision: Precision, folder: Path | None, spec: Input) -> Calibration | None:
    """What `--precision` and `--calibrate` ask for; None for float32.

    Every second picture is held back from `int8` to judge it. Without pictures `fp16` is judged by
    noise, seeded as parity's.

    Raises:
        OptionError: `int8` without a folder, `float32` with one; fewer than two pictures.
        ImageError: a picture cannot be read.
    """
    files = calibration_files(precision, folder)
    if precision == "float32":
        return None
    if files:
        pictures = [prepare(as_picture(file, spec), spec) for file in files]
        fitted, judges = pictures[::2], pictures[1::2]
        if precision == "fp16":
            fitted, judges = [], pictures
        return Calibration(precision=precision, fitted=fitted, judges=judges, inputs="pictures")
    generator = torch.Generator().manual_seed(0)
    judges = list(noise(spec, _NOISE, generator)[:, None].numpy())
    return Calibration(precision=precision, fitted=[], judges=judges, inputs="noise")


def calibration_files(precision: Precision, folder: Path | None) -> list[Path]:
    """The photographs in `folder` and below; of more than 200, 200 that are evenly spread.

    Raises:
        OptionError: as of `read_calibration`.
    """
    if folder is None:
        if precision == "int8":
            raise OptionError(
                "--precision int8 needs --calibrate FOLDER, with photographs like those that will "
                "be explained: the range of every tensor is found on them, and the maps are judged "
                "by them"
            )
        return []
    if precision == "float32":
        raise OptionError("--calibrate goes with --precision int8 or fp16, not with float32")
    files = sorted(filter(is_picture, folder.rglob("*")))
    if len(files) < 2:
        raise OptionError(
            f"--calibrate {folder}: expected a folder with at least two photographs in it or "
            f"below, found {len(files)}"
        )
    return [files[index] for index in evenly_spread(_MOST, len(files))]
