"""Manifests with fields of any value, sealed: refused, or explained with a finite map, and soon."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import camruntime
from camruntime._text import printable
from camruntime.bundle import MANIFEST, Manifest, open_bundle
from camruntime.errors import BundleError, ImageError, NonFiniteError
from manifests import edit_manifest
from two_layers import add_a_layer, two_layers

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"
CONTENT: dict[str, Any] = json.loads((INSPECTOR / MANIFEST).read_bytes())
add_a_layer(CONTENT)
SOON = 5.0  # seconds, of two shared cores

LEAVES = st.none() | st.booleans() | st.integers(-(2**59), 2**59) | st.text(max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from((1e-300, 1e38, 1e300))
VALUES = LEAVES | NUMBERS | st.lists(LEAVES, max_size=4) | st.dictionaries(st.text(), LEAVES)
KINDS = (
    *("squash", "centre-crop", "letterbox", "RGB", "BGR", "grey", "channels", "sigmoid"),
    *("none", "softmax", "int8", "fp16", "random", "tokens", "float16", "../x", "head.onnx"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_layers(INSPECTOR, tmp_path_factory.mktemp("any") / "bundle")


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from _places(value[key], (*path, key))


PLACES = {
    part: [path for path in _places(CONTENT) if path[0] == part]
    for part in CONTENT
    if part not in ("manifest_sha256", "schema_version")
}


@st.composite
def edits(draw: st.DrawFn) -> tuple[tuple[str | int, ...], object]:
    """Where, and what then stands there: something else, or a number that is a little different."""
    path = draw(st.sampled_from(PLACES[draw(st.sampled_from(sorted(PLACES)))]))
    before: Any = CONTENT
    for step in path:
        before = before[step]
    near: list[object] = [*KINDS]
    if type(before) in (int, float):
        near = [before + 1, before - 1, -before, before * 2, before / 2, before * 10**6]
    if isinstance(before, list):
        near = [before[1:], before[::-1], before * 2, []]
    return path, draw(st.sampled_from(near) | VALUES)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(changes=st.lists(edits(), min_size=1, max_size=3))
def test_any_fields(folder: Path, changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    content = copy.deepcopy(CONTENT)
    for path, value in changes:
        place: Any = content
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
        except (KeyError, IndexError, TypeError):  # another change took its place away
            continue
    (folder / MANIFEST).write_text(json.dumps(content))
    edit_manifest(folder, lambda _: None)
    began = time.perf_counter()
    said = ""
    try:
        _explained(folder)
    except (BundleError, ImageError, NonFiniteError) as error:
        said = str(error)
    assert printable(said) == said
    assert len(said) < 2000
    assert time.perf_counter() - began < SOON


def _explained(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    assert isinstance(manifest, Manifest)
    for method in ("recipro-cam", "layers/grad-cam"):
        found = camruntime.load(folder, ["cpu"], threads=1).explain(PHOTO, method)
        assert np.isfinite(found.raw).all()
        assert found.overlay().shape == found.photo.shape
        assert found.target.label == manifest.labels[found.target.index]
