"""What `fuzz.py` feeds: a function for each reader, which takes bytes that nobody wrote.

Each may raise what its reader promises, an error of our tree, and nothing else. Where it raises
nothing, what is read is used, and held against something that it must be.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as pycocotools

from camruntime.bundle import MANIFEST, PACKAGE, Input
from camruntime.bundle.input import Colour
from camruntime.bundle.opening import parse_manifest
from camruntime.bundle.package import parse_package
from camruntime.bundle.sealing import SEAL, sealed
from camruntime.datasets import open_dataset, read_class_map
from camruntime.errors import BundleError, CamError
from camruntime.evaluation.row import Row
from camruntime.journal import JOURNAL, Journal
from camruntime.pictures import as_picture
from camruntime.regions import decode_rle

LABELS = ("cat", "dog")
SIZE = (4, 8)
MEGAPIXELS = 1.0  # of a picture, so that a run is of many small ones
CONDITIONS = {"schema_version": 2, "methods": ["cam"]}
ROW = Row(
    sample="last.png", category="", method="cam", target=0, predicted=0, right=None,
    probability=0.5, no_evidence=False, values={}, curves={}, passes=1, seconds=1.0,
)  # fmt: skip
COLOURS: tuple[tuple[Colour, int, tuple[int, int, int], int], ...] = (
    ("RGB", 255, (0, 1, 2), 3),
    ("grey", 4095, (0, 0, 0), 1),
    ("channels", 65535, (0, 1, 2), 4),
)
SPECS = tuple(
    Input(
        size=SIZE, colour=colour, full_scale=scale, shown=shown, resize="squash",
        shorter_side=None, mean=(0.0,) * channels, std=(1.0,) * channels,
    )
    for colour, scale, shown, channels in COLOURS
)  # fmt: skip
SHARED_MEMORY = Path("/dev/shm")
HERE = Path(tempfile.mkdtemp(prefix="fuzz-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None))
atexit.register(shutil.rmtree, HERE, ignore_errors=True)
"""In memory where that can be: a run writes its input a hundred thousand times."""


def manifest(data: bytes) -> None:
    """As it stands, and with a digest that fits: else nothing behind the digest is reached."""
    with suppress(BundleError):
        parse_manifest(data, HERE / MANIFEST)
    try:
        document = json.loads(data)
        document.pop(SEAL, None)
        data = json.dumps(sealed(document)).encode()
    except (ValueError, AttributeError, RecursionError):  # no JSON, or no object
        return
    parse_manifest(data, HERE / MANIFEST).write(HERE)


def package(data: bytes) -> None:
    """As `manifest`, of a model package; what is read is written as ONNX Runtime reads it."""
    with suppress(BundleError):
        parse_package(data, HERE / PACKAGE)
    try:
        document = json.loads(data)
        own = document["additional_metadata"]["camexport"]
        own.pop(SEAL, None)
        document["additional_metadata"]["camexport"] = sealed(own)
        data = json.dumps(document).encode()
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return
    found = parse_package(data, HERE / PACKAGE)
    assert found.document() == document


def journal(data: bytes) -> None:
    """Rows that were there are there still once one was added."""
    file = HERE / "journal" / JOURNAL
    shutil.rmtree(file.parent, ignore_errors=True)
    file.parent.mkdir()
    file.write_bytes(data)
    found = Journal(file.parent, CONDITIONS, Row, lambda row: row != ROW)
    with found.held():
        found.add(ROW)
    assert Journal(file.parent, CONDITIONS, Row, lambda row: True).rows == found.rows


def csv(data: bytes) -> None:
    _opened("csv", "labels.csv", data)


def yolo(data: bytes) -> None:
    _opened("yolo", "labels/a.txt", data)


def names(data: bytes) -> None:
    """YOLO's names of classes, in YAML."""
    _opened("yolo", "data.yaml", data)


def masks(data: bytes) -> None:
    _opened("masks", "masks/a.png", data)


def coco(data: bytes) -> None:
    _opened("coco", "c.json", data)


def folders(data: bytes) -> None:
    """A folder with files of these names, one a line, as far as there can be such files."""
    root = HERE / "folders"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for line in data.split(b"\n")[:16]:
        parts = [part for part in os.fsdecode(line).split("/") if part not in ("", ".", "..")]
        with suppress(OSError, ValueError):
            root.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            root.joinpath(*parts).write_bytes(b"")
    _used(root)


def class_map(data: bytes) -> None:
    file = HERE / "map.json"
    file.write_bytes(data)
    for indices in read_class_map(file, 5).values():
        assert all(0 <= index < 5 for index in indices)


def pictures(data: bytes) -> None:
    """For three networks: colours, 12 bits of grey, four channels of 16."""
    file = HERE / ("x.npy" if data.startswith(b"\x93NUMPY") else "x.png")
    file.write_bytes(data)
    for spec in SPECS:
        with suppress(CamError):
            found = as_picture(file, spec, MEGAPIXELS)
            assert found.ndim == 3
            assert found.shape[0] * found.shape[1] <= MEGAPIXELS * 1e6


def rle(data: bytes) -> None:
    """A code as JSON, or its characters alone; what is one is what pycocotools makes of it."""
    code: object = None
    with suppress(ValueError, RecursionError):
        code = json.loads(data)
    if not isinstance(code, dict):
        code = {"size": [*SIZE], "counts": data.decode("latin-1")}
    try:
        found = decode_rle(code, SIZE)
    except ValueError:  # its reader puts that into words
        return
    counts = code["counts"]
    packed = (
        {"size": [*SIZE], "counts": counts.encode()}
        if isinstance(counts, str)
        else pycocotools.frPyObjects(code, *SIZE)
    )
    with warnings.catch_warnings():  # pycocotools 2.0.11 lacks an argument that NumPy 2 wants
        warnings.simplefilter("ignore", DeprecationWarning)
        wanted = pycocotools.decode(packed) > 0
    np.testing.assert_array_equal(found, wanted)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        manifest, package, journal, csv, yolo, names, masks, coco, folders, class_map, pictures,
        rle,
    )
}  # fmt: skip


def _opened(kind: str, name: str, data: bytes) -> None:
    """A data set of that kind, with `data` in one of its files."""
    root = HERE / kind
    if not root.exists():
        for folder in ("images", "labels", "masks"):
            (root / folder).mkdir(parents=True)
        for picture in ("images/a.png", "a.png", "b.png"):
            assert cv2.imwrite(str(root / picture), np.zeros((*SIZE, 3), np.uint8))
        (root / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    (root / name).write_bytes(data)
    _used(root / name if name.endswith(".json") else root, kind)


def _used(path: Path, kind: str = "auto") -> None:
    for sample in open_dataset(path, LABELS, kind).samples:
        assert sample.image.is_file()
        if sample.locate is None:
            continue
        with suppress(CamError):
            place = sample.locate(SIZE)
            assert place.mask.shape == SIZE
            assert np.isfinite(place.boxes).all()
