"""docs/methods.md says what the registry says, and has a picture of each method."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from methods.__main__ import DOCS, page
from methods.entries import entries, file_of, overview, titles

from camruntime.methods import HELPERS, METHODS, choices


def test_the_page_is_what_the_registry_makes_of_it() -> None:
    found = (DOCS / "methods.md").read_text(encoding="utf-8")
    assert found == page(), "the registry changed: python benchmarks/methods writes the page again"


def test_every_method_and_option_is_on_it() -> None:
    text = "\n".join(entries())
    for name, kind in {**METHODS, **HELPERS}.items():
        assert f"### `{name}`" in text or f"### `{name}/`" in text
        assert all(f"| `{option}` |" in text for option in choices(kind))
    assert len(overview().splitlines()) == 2 + len(METHODS) + len(HELPERS)


def test_costs_by_hand() -> None:
    """Score-CAM takes a pass for each channel, Grad-CAM a gradient, SESS a pass for each window."""
    rows = {row.split("`")[1]: row for row in overview().splitlines()[2:]}
    assert "| 96 passes | 1,280 passes |" in rows["score-cam"]
    assert "| 1 gradient | 1 gradient |" in rows["grad-cam"]
    assert "| 121 grids of single cells and 121 passes |" in rows["sess/recipro-cam"]


@pytest.mark.parametrize("title", [title for title, _ in titles()])
def test_each_has_a_picture_that_shows_something(title: str) -> None:
    drawn = cv2.imread(str(DOCS / "methods" / file_of(title)))
    assert drawn is not None
    assert min(drawn.shape[:2]) > 100
    assert np.ptp(drawn) > 100


def test_links_lead_to_headings() -> None:
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert len(links) == len(set(links)) == len(titles())
