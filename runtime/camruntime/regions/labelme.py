"""Regions of one picture as LabelMe's JSON, to be looked at and corrected there."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from camruntime._opencv import cv2
from camruntime._strict_json import json_bytes
from camruntime._whole_files import write_whole
from camruntime.regions.millimetres import checked_scale
from camruntime.regions.places import seen_from
from camruntime.regions.record import facts, mm_figures
from camruntime.regions.region import Region

if TYPE_CHECKING:
    from camruntime.explanation import Explanation

_VERSION = "5.4.1"  # of LabelMe, whose format this is; masks are in it from 5.3 on


def write_labelme(
    path: str | Path,
    explanation: Explanation,
    image: str | Path,
    mm_per_pixel: float | None = None,
) -> None:
    """Write an explanation's regions as LabelMe's JSON, whole or not at all.

    A region is a polygon; one with holes is a mask, because LabelMe's polygons have none.

    Args:
        path: the file.
        explanation: its `shown_regions` are written.
        image: the photograph's file, which LabelMe opens.
        mm_per_pixel: side of one of the photograph's pixels; None leaves millimetres out.

    Raises:
        CamError: `mm_per_pixel` is no number above 0.
        OutputError: the file cannot be written.
    """
    file = Path(path)
    write_whole({file: labelme_json(explanation, image, file.parent, mm_per_pixel)})


def labelme_json(
    explanation: Explanation, image: str | Path, folder: Path, mm_per_pixel: float | None = None
) -> bytes:
    """What `write_labelme` writes into a file of `folder`."""
    scale = None if mm_per_pixel is None else checked_scale(mm_per_pixel)
    height, width = explanation.photo.shape[:2]
    label = explanation.target.label
    document = {
        "version": _VERSION,
        "flags": {},
        "shapes": [_shape(one, label, scale) for one in explanation.shown_regions],
        "imagePath": seen_from(folder, Path(image)),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        "camruntime": facts(explanation) | {"mm_per_pixel": scale},
    }
    return json_bytes(document) + b"\n"


def _shape(region: Region, label: str, scale: float | None) -> dict[str, object]:
    figures = region.figures()
    return {
        "label": label,
        **(_as_mask(region) if region.holes else _as_polygon(region)),
        "group_id": None,
        "description": _description(region),
        "flags": {},
        "camruntime": figures if scale is None else figures | {"mm": mm_figures(region, scale)},
    }


def _as_polygon(region: Region) -> dict[str, object]:
    points = region.polygon.astype(np.float64).tolist()
    return {"points": points, "shape_type": "polygon", "mask": None}


def _as_mask(region: Region) -> dict[str, object]:
    """Its box by the first and the last pixel, and what is inside it."""
    last = (region.x + region.width - 1, region.y + region.height - 1)
    _, png = cv2.imencode(".png", region.inside.astype(np.uint8))
    return {
        "points": [[float(region.x), float(region.y)], [float(last[0]), float(last[1])]],
        "shape_type": "mask",
        "mask": base64.b64encode(png.tobytes()).decode("ascii"),
    }


def _description(region: Region) -> str:
    value = f"rank {region.rank}, strongest {region.strongest:.3g}"
    if region.p_value is None:
        return f"{value} of this map's own maximum: relative, no evidence"
    return f"{value}, p {region.p_value:.3g}"
