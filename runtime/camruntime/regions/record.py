"""Regions as a JSON of our own: all that is known of them, and of the map they were found in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from camruntime._strict_json import json_bytes
from camruntime._whole_files import write_whole
from camruntime.methods import spec_of
from camruntime.regions.finding import PART
from camruntime.regions.millimetres import Millimetres, checked_scale
from camruntime.regions.region import Region

if TYPE_CHECKING:
    from camruntime.explanation import Explanation

SCHEMA_VERSION = 1
_SIZES = "; sizes are those of the region in the map, not of the defect"
_MEANING = {
    "calibrated": "strongest and mean: 1 is the threshold, and beyond it at most alpha of good "
    f"parts show anything{_SIZES}",
    "relative": "strongest and mean: parts of this map's own maximum; a good part has such "
    f"regions, too: they are no evidence, and have no p-value{_SIZES}",
}


def write_regions(
    path: str | Path,
    explanation: Explanation,
    image: str | Path | None = None,
    mm_per_pixel: float | None = None,
) -> None:
    """Write an explanation's regions as JSON, whole or not at all.

    Args:
        path: the file.
        explanation: its `shown_regions` are written.
        image: the photograph's file, to be named.
        mm_per_pixel: side of one of the photograph's pixels; None leaves millimetres out.

    Raises:
        CamError: `mm_per_pixel` is no number above 0.
        OutputError: the file cannot be written.
    """
    write_whole({Path(path): regions_json(explanation, image, mm_per_pixel)})


def regions_json(
    explanation: Explanation, image: str | Path | None = None, mm_per_pixel: float | None = None
) -> bytes:
    """What `write_regions` writes."""
    scale = None if mm_per_pixel is None else checked_scale(mm_per_pixel)
    height, width = explanation.photo.shape[:2]
    found = {
        "schema_version": SCHEMA_VERSION,
        **({} if image is None else {"image": str(image)}),
        "image_width": width,
        "image_height": height,
        **facts(explanation),
        "mm_per_pixel": scale,
        "regions": [_told(one, scale) for one in explanation.shown_regions],
    }
    return json_bytes(found) + b"\n"


def facts(explanation: Explanation) -> dict[str, object]:
    """What every kind of file says of the map that regions were found in."""
    against, evidence = explanation.against, explanation.evidence
    scale = "relative" if evidence is None else "calibrated"
    return {
        "target": dataclasses.asdict(explanation.target),
        **({} if against is None else {"against": dataclasses.asdict(against)}),
        "predicted": dataclasses.asdict(explanation.predicted),
        "method": spec_of(explanation.method),
        "scale": scale,
        "meaning": _MEANING[scale],
        "threshold": PART if evidence is None else 1.0,
        **(
            {}
            if evidence is None
            else {
                "alpha": evidence.alpha,
                "raw_threshold": evidence.yardstick.threshold,
                "calibration": evidence.yardstick.calibration,
            }
        ),
        "provenance": dataclasses.asdict(explanation.provenance),
    }


def mm_figures(region: Region, scale: float) -> dict[str, object]:
    """What a region measures in mm, without its outlines, to ten digits."""
    return _without_outlines(region.in_mm(scale))


def _without_outlines(found: Millimetres) -> dict[str, object]:
    names = ("x", "y", "width", "height", "length", "breadth", "area")
    return {name: _digits(getattr(found, name)) for name in names}


def _told(region: Region, scale: float | None) -> dict[str, object]:
    told = region.figures() | {
        "polygon": region.polygon.tolist(),
        "holes": [one.tolist() for one in region.holes],
        "rle": region.rle(),
    }
    if scale is None:
        return told
    found = region.in_mm(scale)
    outlines = {
        "polygon": [_digits_of(point) for point in found.polygon],
        "holes": [[_digits_of(point) for point in hole] for hole in found.holes],
    }
    return told | {"mm": _without_outlines(found) | outlines}


def _digits_of(point: np.ndarray) -> list[float]:
    return [_digits(one) for one in point.tolist()]


def _digits(value: float) -> float:
    """Without what binary fractions add: 3 pixels of 0.05 mm are 0.15."""
    return float(f"{value:.10g}")
