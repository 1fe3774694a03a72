from __future__ import annotations

import base64
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from camruntime.evaluation import Estimate, report_html
from camruntime.evaluation.estimates import ByAccuracy, Curve
from camruntime.evaluation.report.numbers import (
    estimate_texts,
    passes_text,
    seconds_text,
    significant,
)
from camruntime.metrics import MetricInfo
from summaries import CAM, INSPECTED, SUMMARY, gallery, mistakes

VOID = {"meta", "img", "wbr"}


class Page(HTMLParser):
    """Elements, their attributes, and the text of table cells; checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += f" {data}" if self.rows[-1][-1] else data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return report_html(SUMMARY, gallery())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_table_holds_every_value_with_its_interval(page: Page) -> None:
    assert page.rows == [
        ["Method", "Insertion  ↑", "Drop  %\xa0↓", "Spread", "Passes", "Seconds"],
        [
            "cam",
            "0.412 0.381 \N{EN DASH} 0.447",
            "31.3 † 28.0 \N{EN DASH} 35.0 n\xa0=\xa018",
            "9.50 9.25 \N{EN DASH} 9.75",
            "1",
            "0.0123",
        ],
        [
            "score-cam :<b>=1",
            "0.390 0.350 \N{EN DASH} 0.430",
            "25.0 22.0 \N{EN DASH} 28.0",
            "\N{EN DASH}",
            "2,049",
            "8.81",
        ],
        ["Baselines"],
        [
            "centre",
            "0.900 0.800 \N{EN DASH} 1.000",
            "1.0 0.5 \N{EN DASH} 2.0",
            "\N{EN DASH}",
            "0",
            "< 0.001",
        ],
    ]


def test_best_is_bold_among_methods_and_weak_cells_are_marked(page: Page) -> None:
    marks = {cell.get("data-value"): cell.get("class") for cell in page.all("td")}
    assert marks["0.4123"] == "best", "the better baseline does not count"
    assert marks["25.0"] == "best", "lower is better"
    assert marks["31.26"] == "weak"
    assert marks["9.5"] is None, "nothing is best where neither end is"
    assert marks["0.9"] is None
    assert marks[None] == "missing"
    assert any(text.startswith("† No better than the centre Gaussian") for text in page.texts)


def test_no_note_without_marks() -> None:
    unmarked = replace(SUMMARY, methods=(replace(CAM, no_better_than_centre=()),))
    assert "†" not in report_html(unmarked, [])


def test_a_count_shared_by_a_column_stands_in_its_head() -> None:
    fewer = [
        replace(method, metrics={"insertion": replace(method.metrics["insertion"], count=12)})
        for method in SUMMARY.methods
    ]
    rows = Page(report_html(replace(SUMMARY, methods=tuple(fewer)), [])).rows
    assert rows[0][1].endswith("n\xa0=\xa012")
    assert rows[1][1] == "0.412 0.381 \N{EN DASH} 0.447"


def test_columns_say_how_they_are_sorted_and_read(page: Page) -> None:
    heads = [head for head in page.all("th") if "data-first" in head]
    assert [head["data-first"] for head in heads] == [
        "ascending",
        "descending",
        "ascending",
        "descending",
        "ascending",
        "ascending",
    ]
    assert heads[2]["title"] == 'Drop: What "is" lost. Lower is better.'
    assert heads[3]["title"] == "Spread: Entropy."


def test_head_states_what_was_evaluated(page: Page) -> None:
    text = "|".join(page.texts)
    for fact in ("net & <co>", "features.7", "parts (folders)", "CPUExecutionProvider", "81.3 %"):
        assert fact in text
    assert "0123456789ab|" in text, "the hash is shortened"
    assert "Left out (1)" in text
    assert '<img src="x">.png: not a picture' in text
    unknown = replace(SUMMARY, accuracy=None, failed=())
    again = Page(report_html(unknown, [])).texts
    assert "unknown" in again
    assert not any("Left out" in text for text in again)


def test_names_are_escaped(html: str, page: Page) -> None:
    assert "<b>" not in html
    assert "<co>" not in html
    assert "<c>" not in html
    assert page.all("img")[1]["alt"] == 'cam on a"b<c>.png'
    assert 'a"b<c>.png' in page.texts


def test_nothing_leaves_the_page(html: str, page: Page) -> None:
    for _, attributes in page.elements:
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;")
    assert not re.search(r"https?:|url\(|@import|fetch\(", html)
    assert not page.all("link")
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"] for link in page.all("a")} == {f"#{target}" for target in targets}


def test_pictures_are_small_jpegs_in_the_order_of_rank(page: Page) -> None:
    sizes = []
    for image in page.all("img"):
        data = base64.b64decode((image["src"] or "").partition(",")[2])
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert decoded is not None
        assert (image["height"], image["width"]) == tuple(map(str, decoded.shape[:2]))
        assert image["loading"] == "lazy"
        sizes.append((decoded.shape[:2], int(decoded[0, 0].argmax())))
    assert sizes == [((50, 90), 2), ((320, 150), 0), ((50, 90), 2)]
    assert [text for text in page.texts if text in ("Best", "Median", "Worst")] == [
        "Best",
        "Worst",
        "Median",
    ]


def test_a_chart_per_curve_and_one_of_costs(page: Page) -> None:
    labels = [(svg["aria-label"] or "") for svg in page.all("svg")]
    assert labels == [
        "Probability over Share <shown>: centre, cam, score-cam:<b>=1",
        "Probability over Share <shown>: cam",
        "Insertion ↑ over Forward passes per explanation",
    ]


def test_what_a_metric_is_by_accuracy_has_a_column_and_a_chart_of_its_own() -> None:
    curve = Curve((0.55, 0.95), (30.0, 70.0), "accuracy", "insertion")
    found = replace(CAM, by_accuracy={"insertion": ByAccuracy(Estimate(50, 40, 60, 4), curve)})
    page = Page(report_html(replace(SUMMARY, methods=(found, *SUMMARY.methods[1:])), []))
    head, first = page.rows[0], page.rows[1]
    place = next(i for i, cell in enumerate(head) if cell.startswith("Insertion by accuracy"))
    assert head[place - 1].startswith("Spread"), "behind the metrics themselves"
    assert first[place].split()[0] == "50.0"
    assert page.rows[2][place] == "\N{EN DASH}", "the others have none"
    titles = [text for text in page.texts if "nsertion" in text and "rotocol" in text]
    assert titles == ["Protocol: insertion"]
    assert "insertion over accuracy: cam" in [svg["aria-label"] for svg in page.all("svg")]


def test_cost_chart_takes_the_first_metric_that_can_be_good() -> None:
    neither = {"spread": SUMMARY.metrics["spread"]}
    assert 'id="cost"' not in report_html(replace(SUMMARY, metrics=neither), [])
    later = {**neither, "drop": SUMMARY.metrics["drop"]}
    assert 'aria-label="Drop, % ↓ over' in report_html(replace(SUMMARY, metrics=later), [])


def test_page_of_nothing_has_neither_charts_nor_pictures() -> None:
    empty = Page(report_html(replace(SUMMARY, methods=()), []))
    assert len(empty.rows) == 1
    assert empty.all("svg") == empty.all("img") == []
    assert [link["href"] for link in empty.all("a")] == ["#results"]


def test_values_that_are_no_numbers_are_missing() -> None:
    nan = replace(CAM, metrics={"insertion": Estimate(math.nan, math.nan, math.nan, 0)})
    rows = Page(report_html(replace(SUMMARY, methods=(nan,)), [])).rows
    assert rows[1][1:4] == ["\N{EN DASH}"] * 3


def test_a_unit_is_escaped() -> None:
    odd = MetricInfo(
        title="A<i>", category="coherence", better="higher", unit="<u>", description="<s>"
    )
    text = report_html(replace(SUMMARY, metrics={"insertion": odd}), [])
    assert not re.search("<[isu]>", text)


@pytest.mark.parametrize(
    ("estimate", "unit", "expected"),
    [
        (Estimate(0.4123, 0.381, 0.447, 1), "", ("0.412", "0.381 ~ 0.447")),
        (Estimate(12.345, 11.0, 13.0, 1), "", ("12.3", "11.0 ~ 13.0")),
        (Estimate(12.345, 11.0, 13.0, 1), "%", ("12.3", "11.0 ~ 13.0")),
        (Estimate(-0.25, -0.3, -0.2, 1), "", ("_0.250", "_0.300 ~ _0.200")),
        (Estimate(0.00105, -0.032, 0.027, 1), "", ("0.0010", "_0.0320 ~ 0.0270")),
        (Estimate(0.9996, 0.9995, 0.9997, 1), "", ("1.00", "1.00 ~ 1.00")),
        (Estimate(2.5e-5, 2.4e-5, 2.6e-5, 1), "", ("2.50e-05", "2.40e-05 ~ 2.60e-05")),
        (Estimate(-0.01, -0.2, 0.3, 1), "%", ("0.0", "_0.2 ~ 0.3")),
        (Estimate(0, 0, 0, 1), "", ("0.00", "0.00 ~ 0.00")),
    ],
)
def test_digits_of_an_estimate(estimate: Estimate, unit: str, expected: tuple[str, str]) -> None:
    written = [text.replace("~", "\N{EN DASH}").replace("_", "\N{MINUS SIGN}") for text in expected]
    assert [*estimate_texts(estimate, unit)] == written


def test_digits_of_costs() -> None:
    assert [passes_text(x) for x in (1, 2.0, 12.44, 2049.0, 100.5)] == [
        "1",
        "2",
        "12.4",
        "2,049",
        "100",
    ]
    assert [seconds_text(x) for x in (0.0, 0.0123, 8.814, 123.4)] == [
        "< 0.001",
        "0.0123",
        "8.81",
        "123",
    ]
    assert significant(99.96) == "100"


@pytest.fixture(scope="module")
def inspected() -> Page:
    return Page(report_html(INSPECTED, gallery(), mistakes()))


def _after(page: Page, start: str) -> str:
    """Everything that is written after a text, in one line."""
    texts = [" ".join(text.split()) for text in page.texts]
    return " ".join(texts[texts.index(start) :])


def test_what_was_found_stands_on_top(inspected: Page) -> None:
    text = " ".join(inspected.texts)
    assert INSPECTED.headline in text
    facts = text.index("Provider")
    assert text.index(INSPECTED.headline) < text.index("3 misses (a defect taken for good)") < facts
    assert text.index("cam: 2 of 3 good parts show colour") < facts
    assert "camruntime calibrate" in inspected.texts, "as code, without backticks"
    assert "About the data set" in inspected.texts
    assert INSPECTED.notes[0] in inspected.texts
    assert INSPECTED.choices[1] in inspected.texts
    said = next(one for one in inspected.texts if "leads, and orders the pictures" in one)
    assert "ties by Insertion" in said
    assert "the data set says where things are" in said


def test_the_leading_metric_comes_first_and_orders_the_pictures(inspected: Page) -> None:
    assert inspected.rows[0][1].startswith("Pointing <game>")
    assert "Best, median and worst by Pointing <game>, ties by Insertion" in " ".join(
        inspected.texts
    )
    assert any("Magenta, which no map has" in text for text in inspected.texts)
    assert not any("Magenta" in text for text in Page(report_html(SUMMARY, gallery())).texts)


def test_rows_by_class_and_by_size(inspected: Page) -> None:
    start = inspected.rows.index(["", "Samples", "cam", "centre", "score-cam :<b>=1"])
    assert inspected.rows[start + 1 : start + 6] == [
        ["By class"],
        ["scr<atch", "5", "75.0 50.0 \N{EN DASH} 100.0", "\N{EN DASH}", "\N{EN DASH}"],
        ["good", "3", "\N{EN DASH}", "\N{EN DASH}", "\N{EN DASH}"],
        ["By size of the defect"],
        [
            "small (up to 1 % of the picture)",
            "4",
            "75.0 50.0 \N{EN DASH} 100.0",
            "\N{EN DASH}",
            "\N{EN DASH}",
        ],
    ]
    assert "Sizes are tertiles" in _after(inspected, "Classes and sizes")


def test_the_confusion_matrix(inspected: Page) -> None:
    start = inspected.rows.index(["True class", "good", "scratch", "ho<le"])
    assert inspected.rows[start + 1 : start + 3] == [
        ["good", "2", "1", "0"],
        ["scratch", "3", "9", "4"],
    ]
    kinds = [cell["class"] for cell in inspected.all("td") if cell.get("class") in KINDS]
    assert kinds == ["right", "alarm", "miss", "right", "other"]


KINDS = ("right", "alarm", "miss", "other")


def test_pictures_of_mistakes_misses_first(inspected: Page) -> None:
    text = _after(inspected, "Mistakes")
    misses = text.index("Misses: defects that the network called good (1 of 3 drawn)")
    alarms = text.index("False alarms: good parts that the network called defects (1)")
    assert (
        misses < text.index("scratch, taken for good") < alarms < text.index("good, taken for it")
    )
    assert "Other confusions (" not in text, "none is drawn"
    assert [image["alt"] for image in inspected.all("img")][:2] == ["miss: m<0", "false alarm: f"]


HEAD = ["Method", "Good parts with colour", "Defects with colour", "PRO \N{UPWARDS ARROW}"]


def test_good_parts_roc_and_overlap(inspected: Page) -> None:
    start = inspected.rows.index(HEAD)
    assert inspected.rows[start + 1] == ["cam", "2 of 3", "4 of 5", "0.700"]
    rates = inspected.rows.index(["Score", "Area", "no false alarms", "at most 10 % false alarms"])
    assert inspected.rows[rates + 1] == ["probability of not 'good'", "0.750", "4 of 16", "8 of 16"]
    labels = [svg["aria-label"] or "" for svg in inspected.all("svg")]
    assert sum("probability of not 'good'" in label for label in labels) == 1
    assert any("The scale is relative" in text for text in inspected.texts)


def test_a_bundle_without_a_good_class_is_told_how_to_name_it() -> None:
    page = Page(report_html(replace(INSPECTED, good=None, detections=()), []))
    text = " ".join(page.texts)
    assert "The network is right on 11 of 19 samples. Good parts are not known" in text
    assert "camexport build --good LABEL" in page.texts
