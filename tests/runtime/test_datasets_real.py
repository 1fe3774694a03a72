"""Real data sets; skipped where the data folder is absent."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from camruntime.datasets import open_dataset, read_class_map
from camruntime.pictures import read_picture

DATA = Path(os.environ.get("CAMEXPORT_DATA", Path(__file__).parents[2] / "../shared/data"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no data at {DATA}: set CAMEXPORT_DATA"),
]


@pytest.fixture
def labels() -> list[str]:
    return (DATA / "classifiers" / "imagenet_labels.txt").read_text().splitlines()


def test_coco_boxes(labels: list[str]) -> None:
    class_map = read_class_map(DATA / "coco" / "imagenet_classes.json", len(labels))
    dataset = open_dataset(DATA / "coco", labels, class_map=class_map)
    assert (dataset.kind, len(dataset.samples)) == ("yolo", 136)
    assert "class apple: not in the class map (2 samples)" in dataset.left_out
    first = dataset.samples[0]
    assert (first.name, first.classes) == ("000000000139.jpg#book", (454,))
    for sample in dataset.samples:
        assert sample.locate is not None
        height, width = read_picture(sample.image).shape[:2]
        regions = sample.locate((height, width))
        assert regions.mask.any()
        assert np.all(regions.boxes >= 0)
        assert np.all(regions.boxes <= [width, height, width, height])


def test_imagenet_list(labels: list[str]) -> None:
    dataset = open_dataset(DATA / "imagenet_val", labels)
    assert (dataset.kind, len(dataset.samples), dataset.left_out) == ("csv", 130, ())
    first = dataset.samples[0]
    assert (first.name, first.classes) == ("ILSVRC2012_val_00000347.JPEG", (472,))


def test_magnetic_tiles() -> None:
    dataset = open_dataset(DATA / "magnetic_tile", ["good", "defect"])
    assert (dataset.kind, len(dataset.samples)) == ("masks", 452)
    assert all(sample.classes == () for sample in dataset.samples)
    placeless = Counter(one.category for one in dataset.samples if one.locate is None)
    assert placeless == {"Free": 60, "Uneven": 4}
    assert sum(sample.good for sample in dataset.samples) == 64
    assert "64 pictures without any object are good parts (Free 60, Uneven 4)" in dataset.notes[-1]
