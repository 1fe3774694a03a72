"""From what a caller gives to a photograph that is ready for the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from camruntime.bundle import Input
from camruntime.calibration import Calibration
from camruntime.engine import Engine
from camruntime.explaining.targets import Wanted
from camruntime.maps import FloatArray
from camruntime.pictures import Picture, Values, as_picture, drawn, prepare


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph that is ready for the network.

    Attributes:
        picture: uint8 RGB `(H, W, 3)`, what is drawn; read-only.
        image: float32 `(1, channels, H, W)`, normalised, at the size of the network's input.
        wanted: the classes to explain.
        engine: runs the network that it is ready for.
        calibration: what its maps are held against, of that network.
        seconds: what taking, reading and preparing it took.
    """

    picture: Picture
    image: FloatArray
    wanted: Wanted
    engine: Engine
    calibration: Calibration | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Taken:
    """What is needed of the caller's: an array is copied, as the caller may change it next.

    Attributes:
        image: a path, to be read in a thread, or what `as_picture` returns.
        wanted: the classes to explain.
        engine: runs the network that looks at it.
        calibration: of that network.
        seconds: what copying it took.
    """

    image: str | Path | Values
    wanted: Wanted
    engine: Engine
    calibration: Calibration | None = None
    seconds: float = 0.0

    @property
    def spec(self) -> Input:
        """What that network takes."""
        return self.engine.bundle.manifest.input


def take_image(
    image: object,
    wanted: Wanted,
    engine: Engine,
    calibration: Calibration | None,
    megapixels: float,
) -> Taken:
    """Take an image as `Explainer.explain` does.

    Raises:
        ImageError: it is an array, and not what the network takes.
    """
    if isinstance(image, (str, Path)):
        return Taken(image, wanted, engine, calibration)
    begin = perf_counter()
    picture = as_picture(image, engine.bundle.manifest.input, megapixels)
    return Taken(picture, wanted, engine, calibration, perf_counter() - begin)


def open_image(taken: Taken, megapixels: float) -> Photograph:
    """Read and prepare a photograph.

    Raises:
        ImageError: it cannot be read, or is not what the network takes.
    """
    begin, image, spec = perf_counter(), taken.image, taken.spec
    picture = image if isinstance(image, np.ndarray) else as_picture(image, spec, megapixels)
    shown = drawn(picture, spec)
    shown.flags.writeable = False  # every explanation of the picture holds it
    return Photograph(
        picture=shown,
        image=prepare(picture, spec),
        wanted=taken.wanted,
        engine=taken.engine,
        calibration=taken.calibration,
        seconds=taken.seconds + perf_counter() - begin,
    )
