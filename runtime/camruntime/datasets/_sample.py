"""What every data set gives: pictures, the classes that they show, and where these are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camruntime.maps import FloatArray


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Where a class is in a photograph.

    Attributes:
        boxes: float32 `(k, 4)`: left, top, right, bottom in the photograph's pixels, measured from
            its corner; around every object.
        mask: bool `(H, W)`: the objects' pixels; those inside `boxes` where no shape is known.
    """

    boxes: FloatArray
    mask: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture and one class that it shows.

    Attributes:
        name: of the sample within its data set, the same in every run.
        image: the picture's file.
        classes: indices of the network's classes that mean this one; of several, the one with the
            highest logit is explained. Empty: the network's own top class.
        category: the data set's name of the class, by which results are averaged; may be empty.
        locate: where the class is, for a photograph of size `(H, W)`; None where nobody says.
        good: whether the part is good: nothing is marked on it, or its class is that of good parts.
            Then it has no places.
    """

    name: str
    image: Path
    classes: tuple[int, ...] = ()
    category: str = ""
    locate: Callable[[tuple[int, int]], GroundTruth] | None = field(default=None, compare=False)
    good: bool = False


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Samples in the order of their names.

    Attributes:
        name: of the folder or file.
        kind: how it is laid out, such as `folders` or `coco`.
        samples: at least one.
        left_out: what was found and cannot be used, one line each, with the reason.
        notes: what was taken for what, and classes that the network does not have, a line each.
    """

    name: str
    kind: str
    samples: tuple[Sample, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
