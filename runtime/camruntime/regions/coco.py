"""Regions of many pictures as one file in COCO's format.

Shapes are run-length codes, which hold a region exactly, holes as well: COCO's polygons have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from camruntime._strict_json import json_bytes
from camruntime._text import named
from camruntime._whole_files import write_whole
from camruntime.errors import CamError
from camruntime.regions.millimetres import checked_scale
from camruntime.regions.places import seen_from
from camruntime.regions.record import facts, mm_figures
from camruntime.regions.region import Region

if TYPE_CHECKING:
    from camruntime.explanation import Explanation

_OF_MAPS = (
    "method", "scale", "meaning", "threshold", "alpha", "raw_threshold", "calibration",
    "mm_per_pixel", "provenance",
)  # fmt: skip


@dataclass(frozen=True)
class CocoEntry:
    """What an explanation becomes in a COCO file; it holds codes, and no pixels.

    Attributes:
        image: the photograph's file.
        size: `(H, W)` of the photograph.
        index: of the class that is explained; None of a contrast.
        label: of the class, or what the contrast is called.
        annotations: the regions, without the ids that they have in a file.
        facts: of the map that they were found in.
    """

    image: Path
    size: tuple[int, int]
    index: int | None
    label: str
    annotations: tuple[Mapping[str, object], ...]
    facts: Mapping[str, object]


def coco_entry(
    explanation: Explanation, image: str | Path, mm_per_pixel: float | None = None
) -> CocoEntry:
    """What an explanation becomes in a COCO file.

    Args:
        explanation: its `shown_regions` are written.
        image: the photograph's file.
        mm_per_pixel: side of one of the photograph's pixels; None leaves millimetres out.

    Raises:
        CamError: `mm_per_pixel` is no number above 0.
    """
    scale = None if mm_per_pixel is None else checked_scale(mm_per_pixel)
    height, width = explanation.photo.shape[:2]
    known = facts(explanation)
    return CocoEntry(
        image=Path(image),
        size=(height, width),
        index=None if explanation.against is not None else explanation.target.index,
        label=explanation.target.label,
        annotations=tuple(
            _annotation(one, known["method"], scale) for one in explanation.shown_regions
        ),
        facts=known | {"mm_per_pixel": scale},
    )


def write_coco(
    path: str | Path,
    entries: Iterable[CocoEntry],
    labels: Sequence[str],
    left_out: Sequence[str] = (),
) -> None:
    """Write entries as one COCO file, whole or not at all.

    A category's id is 1 + the class's index; contrasts, such as `not good`, come behind the labels.
    Several entries of one photograph, by several methods, are one image with the regions of all.

    Args:
        path: the file; photographs are named relative to its folder.
        entries: in the order of their images.
        labels: of the network's classes, `explainer.bundle.manifest.labels`.
        left_out: pictures that are not in it and why, a line each, to be said in it.

    Raises:
        CamError: an entry's class is called otherwise in `labels`, or two entries of one photograph
            are of different sizes.
        OutputError: the file cannot be written.
    """
    given = list(entries)
    contrasts = list(dict.fromkeys(one.label for one in given if one.index is None))
    images = _images(given, Path(path).parent)
    annotations = [
        {"id": 0, "image_id": images[one.image]["id"], "category_id": category, **mark}
        for one in given
        for category in [_category(one, labels, contrasts)]
        for mark in one.annotations
    ]
    for number, mark in enumerate(annotations, start=1):
        mark["id"] = number
    document = {
        "info": {
            "description": "regions of saliency maps, by camruntime",
            "maps": _maps(given),
            "left_out": list(left_out),
        },
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in enumerate([*labels, *contrasts], start=1)
        ],
    }
    write_whole({Path(path): json_bytes(document) + b"\n"})


def _annotation(region: Region, method: object, scale: float | None) -> dict[str, object]:
    return {
        "segmentation": region.rle(),
        "bbox": list(region.box),
        "area": region.area,
        "iscrowd": 0,
        "score": region.strongest,
        "method": method,
        "scale": region.scale,
        "rank": region.rank,
        "mean": region.mean,
        "p_value": region.p_value,
        "length": region.length,
        "breadth": region.breadth,
        **({} if scale is None else {"mm": mm_figures(region, scale)}),
    }


def _images(entries: Sequence[CocoEntry], folder: Path) -> dict[Path, dict[str, object]]:
    """By file, one for each photograph."""
    sizes: dict[Path, tuple[int, int]] = {}
    for one in entries:
        if sizes.setdefault(one.image, one.size) != one.size:
            raise CamError(
                f"{named(one.image)} is in two entries, {sizes[one.image]} and {one.size} pixels "
                "high and wide: give entries of the same photograph, or each its own name"
            )
    return {
        file: {"id": number, "file_name": seen_from(folder, file), "height": height, "width": width}
        for number, (file, (height, width)) in enumerate(sizes.items(), start=1)
    }


def _category(entry: CocoEntry, labels: Sequence[str], contrasts: Sequence[str]) -> int:
    if entry.index is None:
        return 1 + len(labels) + contrasts.index(entry.label)
    if entry.index >= len(labels) or labels[entry.index] != entry.label:
        raise CamError(
            f"class {entry.index} is called '{named(entry.label)}' and the {len(labels)} labels "
            "say otherwise: give those of the same bundle, explainer.bundle.manifest.labels"
        )
    return 1 + entry.index


def _maps(entries: Sequence[CocoEntry]) -> list[dict[str, object]]:
    """What the entries' maps have in common, once for each kind."""
    found: list[dict[str, object]] = []
    for one in entries:
        kind: dict[str, object] = {"target": one.label} | {
            name: one.facts[name] for name in _OF_MAPS if name in one.facts
        }
        if kind not in found:
            found.append(kind)
    return found
