"""Open a data set: find out its layout, read it, match its classes with the network's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from camruntime.datasets._found import Entry, Found, in_one_line, inside, is_picture
from camruntime.datasets._meaning import Meaning, Network, meaning, notes, sample_of
from camruntime.datasets._sample import Dataset, Sample
from camruntime.datasets.class_map import ClassMap, check_class_map
from camruntime.datasets.coco import read_coco
from camruntime.datasets.csv_list import read_csv
from camruntime.datasets.folders import class_folders, read_folders
from camruntime.datasets.masks import picture_masks, read_masks
from camruntime.datasets.yolo import marks_folder, read_yolo
from camruntime.errors import DatasetError, nearest


@dataclass(frozen=True)
class _Layout:
    """A layout's reader, what the layout looks like, and whether it is always a folder."""

    read: Callable[[Path], Found]
    looks: str
    folder: bool = True


LAYOUTS = {
    "folders": _Layout(read_folders, "a folder per class with its pictures in it"),
    "csv": _Layout(read_csv, "a .csv of file,class, or a folder with labels.csv in it", False),
    "yolo": _Layout(read_yolo, "images/ beside labels/, boxes/ or polygons/ with NAME.txt"),
    "masks": _Layout(
        read_masks, "NAME.jpg with NAME.png or NAME_mask.png beside it, or images/ and masks/"
    ),
    "coco": _Layout(read_coco, "a .json of images, annotations and categories", False),
}
"""What can be read, by kind."""


def open_dataset(
    path: str | Path,
    labels: Sequence[str],
    kind: str = "auto",
    class_map: ClassMap | None = None,
    good: int | None = None,
) -> Dataset:
    """Open the data set at `path`.

    Args:
        path: a folder or a file.
        labels: of the network's classes, in the order of the logits. A data set's class is matched
            with a label as it is, then in any case, as an index, as one of several synonyms. One
            that is none of them is left out, and said in `Dataset.notes`; only `masks` keeps it, as
            a defect of any kind.
        kind: one of `LAYOUTS`, or `auto`.
        class_map: a data set's class, by name or by id, to the indices of the network's classes
            that mean it. Classes that are not in it, or have no index in it, are then left out;
            only `masks` keeps them, and still matches them with labels.
        good: index of the network's class of good parts, which pictures show on which nothing is
            marked; None where nobody says.

    Raises:
        DatasetError: nothing is there, or not in a known layout; a class may be several of the
            network's; no picture is left.
        MissingDependencyError: the layout needs a package that is not installed.
    """
    path = Path(path)
    check_class_map(class_map or {}, len(labels))
    kind = _detect(path) if kind == "auto" else kind
    found = _read(path, kind)
    network = Network(labels, good, class_map)
    meant = _meant(found.entries, network)
    every = [sample_of(entry, one, network) for entry, one in meant if one.classes is not None]
    samples, twice = _once(every)
    left_out = (
        *found.left_out,
        *_unmapped(meant),
        *in_one_line(twice, "another sample is called so"),
    )
    said = notes(meant, network)
    if not samples:
        why = "; ".join((*said, *left_out)[:3]) or "no picture was found"
        raise DatasetError(
            f"{path} has no sample: {why}; expected for kind {kind}: {LAYOUTS[kind].looks}"
        )
    samples.sort(key=lambda sample: sample.name)
    name = path.resolve().name
    return Dataset(name=name, kind=kind, samples=tuple(samples), left_out=left_out, notes=said)


def looks_like(kind: str) -> str:
    """What a data set of one of `LAYOUTS` looks like."""
    return LAYOUTS[kind].looks


def _read(path: Path, kind: str) -> Found:
    if kind not in LAYOUTS:
        known = ("auto", *LAYOUTS)
        raise DatasetError(f"no kind of data set is called '{kind}': {nearest(kind, known)}")
    layout = LAYOUTS[kind]
    if layout.folder and not path.is_dir():
        raise DatasetError(f"{path} is no folder: expected for kind {kind}: {layout.looks}")
    return layout.read(path)


def _detect(path: Path) -> str:
    if path.is_dir():
        if marks_folder(path):
            return "yolo"
        if (path / "labels.csv").is_file():
            return "csv"
        if any(mask for _, mask in picture_masks(path)):
            return "masks"
        if any(map(_has_picture, class_folders(path))):
            return "folders"
    kinds = {".csv": "csv", ".json": "coco"}
    if path.is_file() and path.suffix.lower() in kinds:
        return kinds[path.suffix.lower()]
    what = "is laid out in no known way" if path.exists() else "does not exist"
    looks = "".join(f"\n  {kind}: {layout.looks}" for kind, layout in LAYOUTS.items())
    arrays = " (.npy files are taken from a csv alone)" if _has_arrays(path) else ""
    raise DatasetError(f"the data set {path} {what}{arrays}; expected one of{looks}")


def _has_arrays(path: Path) -> bool:
    """Whether there are `.npy` files, which may be pictures, or maps beside them."""
    return path.is_dir() and any(
        file.suffix == ".npy" for folder in (path, *class_folders(path)) for file in inside(folder)
    )


def _has_picture(folder: Path) -> bool:
    try:
        return any(map(is_picture, inside(folder)))
    except DatasetError:  # the reader tells
        return True


def _meant(entries: Sequence[Entry], network: Network) -> list[tuple[Entry, Meaning]]:
    """Every entry with what it means; equal ones are matched once."""
    known: dict[object, Meaning] = {}
    found = []
    for entry in entries:
        kind = (entry.category, entry.key, entry.empty, entry.locate is None, entry.must_match)
        if kind not in known:
            known[kind] = meaning(entry, network)
        found.append((entry, known[kind]))
    return found


def _unmapped(meant: Sequence[tuple[Entry, Meaning]]) -> list[str]:
    counts = Counter(entry.category for entry, one in meant if one.how == "unmapped")
    return [
        f"class {category}: not in the class map ({count} sample{'s' if count > 1 else ''})"
        for category, count in sorted(counts.items())
    ]


def _once(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Samples whose name no sample before them has, as results are kept by names; other names."""
    first: dict[str, Sample] = {}
    twice = [one.name for one in samples if first.setdefault(one.name, one) is not one]
    return list(first.values()), twice
