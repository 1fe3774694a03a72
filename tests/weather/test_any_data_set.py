"""Texts that are nearly those of a data set: its error, or samples that can be used."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from camruntime.errors import CamError, DatasetError

quickly = settings(max_examples=150, deadline=None, derandomize=True)

ODD = st.none() | st.booleans() | st.text(max_size=6) | st.integers(-(10**17), 10**17)
NUMBER = st.integers(-2, 10) | st.floats(-2, 20) | st.sampled_from((1e8, -1e300, 1e300, 10**17))
WORDS = st.sampled_from(("0", "1", ".5", "-.005", "1.01", "nan", "inf", "1e400", "9" * 400))


def _refused_or_used(kind: str, text: str) -> None:
    with suppress(DatasetError):  # of a sample's place any error of ours, see there
        TARGETS[kind](text.encode("utf-8", "surrogatepass"))


@quickly
@given(
    rows=st.lists(
        st.lists(st.sampled_from(("a.png", "b.png", "cat", "dog", "1", "")) | st.text(), max_size=3)
    ),
    quote=st.sampled_from(("", '"')),
)
def test_lists(rows: list[list[str]], quote: str) -> None:
    _refused_or_used("csv", "\n".join(",".join(quote + one + quote for one in row) for row in rows))


@quickly
@given(lines=st.lists(st.lists(WORDS | st.text(max_size=4), max_size=9), max_size=4))
def test_yolo(lines: list[list[str]]) -> None:
    _refused_or_used("yolo", "\n".join(map(" ".join, lines)))


@quickly
@given(text=st.text("names:[]{},&*a!?|>-'\"\\#%@` \n01", max_size=60))
def test_names_in_yaml(text: str) -> None:
    for whole in (text, f"names: {text}"):
        _refused_or_used("names", whole)


SHAPE: Any = (
    st.lists(st.lists(NUMBER | ODD, max_size=8), max_size=2)
    | st.fixed_dictionaries(
        {
            "size": st.just([4, 8]) | st.lists(NUMBER, max_size=3),
            "counts": st.lists(st.integers(-1, 32), max_size=5) | st.text("0123Ho8~ä", max_size=8),
        }
    )
    | ODD
)
MARK = st.fixed_dictionaries(
    {"image_id": st.integers(1, 3) | ODD, "category_id": st.integers(1, 2) | ODD},
    optional={
        "bbox": st.just([1, 1, 2, 2]) | st.lists(NUMBER | ODD, min_size=4, max_size=4) | ODD,
        "segmentation": SHAPE,
        "iscrowd": ODD,
    },
)
PICTURE = st.fixed_dictionaries(
    {"id": st.integers(1, 2) | ODD, "file_name": st.sampled_from(("a.png", "b.png")) | ODD},
    optional={"height": st.just(4) | NUMBER, "width": st.just(8) | NUMBER},
)
CATEGORY = st.fixed_dictionaries({"id": st.integers(1, 2), "name": st.just("cat") | ODD})


@quickly
@given(
    images=st.lists(PICTURE | ODD, max_size=3),
    annotations=st.lists(MARK | ODD, max_size=4),
    categories=st.lists(CATEGORY | ODD, max_size=3),
)
def test_coco(**parts: object) -> None:
    _refused_or_used("coco", json.dumps(parts))


@quickly
@given(found=st.dictionaries(st.text(max_size=4), st.lists(st.integers(-1, 5) | ODD) | ODD))
def test_class_maps(found: dict[str, object]) -> None:
    _refused_or_used("class_map", json.dumps(found))


@quickly
@given(
    counts=st.lists(st.integers(0, 12), max_size=9) | st.text("0123456789:;<=>?@ABCHo", max_size=9)
)
def test_run_length_codes(counts: object) -> None:
    """What is one is pycocotools' mask."""
    with suppress(CamError):
        TARGETS["rle"](json.dumps({"size": [4, 8], "counts": counts}).encode())
