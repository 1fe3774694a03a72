"""Names and labels of others: no formula in a spreadsheet, no script in a page."""

from __future__ import annotations

import csv
import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from camruntime.errors import EvaluationError
from camruntime.evaluation import GalleryPicture, read_results, report_html, write_results
from camruntime.evaluation.row import Row
from evaluations import evaluation, pictures

ROW = Row(
    sample="a.png", category="", method="cam", target=0, predicted=1, right=True, probability=-0.5,
    no_evidence=False, values={"iou": -1.25e-7}, curves={}, passes=1, seconds=2.0,
)  # fmt: skip
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''=1", "'+"]
PLAIN = ["a=1", "'quoted'", "", "3", "a,b", 'a"b', "a;=1", "ä"]


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN])
def test_no_cell_is_a_formula_and_all_are_read_back(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.csv"
    row = dataclasses.replace(ROW, sample=text, category=text)
    write_results(file, [row], [text, "b"])
    (read,) = read_results(file)
    assert (read["sample"], read["category"], read["target_label"]) == (text, text, text)
    with file.open(newline="", encoding="utf-8") as lines:
        (cells,) = csv.DictReader(lines)
    assert not cells["sample"].startswith(tuple("=+-@\t\r\n\uff1d"))
    assert cells["sample"] == (f"'{text}" if text in FORMULAS else text)
    assert '"' + cells["sample"].replace('"', '""') + '"' in file.read_bytes().decode()
    assert (float(cells["probability"]), float(cells["iou"])) == (-0.5, -1.25e-7)
    assert (cells["passes"], cells["right"], cells["seconds"]) == ("1", "True", "2.0")


@pytest.mark.parametrize("text", ["", '"sample"\n"a', "a,b\n1\n"])
def test_no_results(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(EvaluationError, match=r"cannot read .*r\.csv as results"):
        read_results(tmp_path / "r.csv")


class _Tags(HTMLParser):
    """Elements and attributes that do something, and how often."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.handlers = 0, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</script><script>",
        "' onload='x",
    ],
)
def test_names_in_a_page_are_text(tmp_path: Path, name: str) -> None:
    summary = evaluation(pictures(tmp_path / "data"), tmp_path / "out").run()
    methods = tuple(dataclasses.replace(one, method=name + one.method) for one in summary.methods)
    named = dataclasses.replace(
        summary, model=name, layer=name, weights=name, provider=name, dataset=name, kind=name,
        failed=(name,), methods=methods,
    )  # fmt: skip
    picture = np.zeros((4, 4, 3), np.uint8)
    shown = GalleryPicture(method=name, rank="best", sample=name, caption=name, picture=picture)
    plain = _Tags(report_html(summary, []))
    tags = _Tags(report_html(named, [shown]))
    assert (tags.scripts, tags.handlers) == (plain.scripts, []) == (1, [])
