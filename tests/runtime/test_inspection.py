"""What an inspector asks of an evaluation, from rows written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from camruntime.bundle import open_bundle
from camruntime.datasets import Dataset, Sample
from camruntime.evaluation import findings, worth_seeing
from camruntime.evaluation.confusion import confusion_of
from camruntime.evaluation.good_parts import coloured, detections, overlap
from camruntime.evaluation.groups import groups_of, size_limits
from camruntime.evaluation.leading import in_order, leading_metrics
from camruntime.evaluation.levels import count_levels
from camruntime.evaluation.row import Row, by_method
from camruntime.evaluation.summarise import summarise
from camruntime.evaluation.summary import Summary
from camruntime.metrics import make_metric
from rows import LABELS, ROW

METRICS = [make_metric(name) for name in ("adcc", "complexity", "pointing-game", "iou")]


def _rows(method: str, points: Mapping[str, float | None], adcc: float = 50) -> list[Row]:
    """By sample, whether its point hits; IoU is a tenth of the sample's place."""
    return [
        replace(
            ROW,
            sample=name,
            method=method,
            values={"adcc": adcc, "complexity": 1.0, "pointing-game": hit, "iou": hit and place},
        )
        for place, (name, hit) in enumerate(points.items())
    ]


def _summary(rows: list[Row], inspector: Path, pictures: int | None = None) -> Summary:
    names = sorted({row.sample for row in rows})
    samples = tuple(
        Sample(name=name, image=Path(str(place % (pictures or len(names)))))
        for place, name in enumerate(names)
    )
    dataset = Dataset(name="d", kind="masks", samples=samples)
    manifest = open_bundle(inspector).manifest
    return summarise(rows, in_order(METRICS, True), manifest, "cpu", dataset, [])


def test_localisation_leads_where_places_are_known() -> None:
    titles = [one.info.title for one in in_order(METRICS, True)]
    assert titles == ["Pointing game", "IoU", "ADCC", "Complexity"]
    assert in_order(METRICS, False) == tuple(METRICS)
    found = leading_metrics(METRICS, _rows("cam", {"a": 100, "b": 0}))
    assert [one.info.title for one in found] == ["Pointing game", "IoU"]
    nowhere = leading_metrics(METRICS, _rows("cam", {"a": None}))
    assert [one.info.title for one in nowhere] == ["ADCC"]


def test_the_headline_counts_hits(inspector: Path) -> None:
    points = dict.fromkeys("abcdefghij", 100.0) | {"j": 0.0, "k": None}
    centre = dict.fromkeys(points, 0.0) | {"a": 100.0, "k": None}
    rows = [*_rows("cam", points), *_rows("centre-gaussian", centre, adcc=90)]
    found = _summary(rows, inspector)
    assert (
        found.headline
        == "cam hits the defect in 9 of 10 pictures; the picture's centre would in 1."
    )
    assert (found.best, found.leading) == ("cam", ("pointing-game", "iou"))
    assert found.methods[0].no_better_than_centre == (), "ADCC is no matter of places"
    assert _summary(rows, inspector, pictures=4).headline.startswith(
        "cam hits the defect in 9 of 10 samples"
    )


def test_the_headline_says_what_speaks_against_it(inspector: Path) -> None:
    points = {"a": 100.0, "b": 0.0, "c": 0.0}
    rows = [
        *_rows("cam", points),
        *_rows("centre-gaussian", points),
        *_rows("edges", dict.fromkeys("abc", 100.0)),
    ]
    found = _summary(rows, inspector)
    assert found.headline == (
        "cam hits the defect in 1 of 3 pictures; the picture's centre would in 1, which is no "
        "clear difference. But edges, which asks no network, is better still."
    )
    assert set(found.methods[0].no_better_than_centre) == {"pointing-game", "iou"}


def test_the_headline_without_places(inspector: Path) -> None:
    rows = [
        *_rows("cam", {"a": None}, adcc=60),
        *_rows("grad-cam", {"a": None}, adcc=70),
        *_rows("centre-gaussian", {"a": None}, adcc=40),
    ]
    found = _summary(rows, inspector)
    assert found.headline == "grad-cam reaches 70.0 in ADCC; the picture's centre reaches 40.0."
    assert found.leading == ("adcc",)


def test_the_centre_may_be_the_best(inspector: Path) -> None:
    rows = [
        *_rows("cam", {"a": 100.0, "b": 0.0, "c": 0.0}),
        *_rows("centre-gaussian", dict.fromkeys("abc", 100.0)),
    ]
    assert _summary(rows, inspector).headline == (
        "cam hits the defect in 1 of 3 pictures; the picture's centre would in 3, which is better."
    )


def test_ties_of_the_gallery_are_broken_by_the_next_metric() -> None:
    """All but one hit: the best hit has the highest IoU, not the first name."""
    rows = _rows("cam", {"a": 100, "b": 100, "c": 100, "d": 0, "e": None})
    found = {rank: row.sample for rank, row in worth_seeing(rows, METRICS)}
    assert found == {"best": "c", "median": "a", "worst": "d"}


def test_groups_by_class_and_by_tertile() -> None:
    areas = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.1, "e": 0.2, "f": 0.5, "g": None}
    classes = dict(zip("abcdefg", "xxxyyyz", strict=True))
    hits = dict.fromkeys("abcdef", 100.0) | {"a": 0.0, "d": 0.0, "g": None}
    rows = [
        replace(row, area=areas[row.sample], category=classes[row.sample])
        for row in _rows("cam", hits)
    ]
    found = groups_of(by_method(rows), ["pointing-game"])
    assert [(one.kind, one.name, one.samples) for one in found] == [
        ("class", "x", 3),
        ("class", "y", 3),
        ("class", "z", 1),
        ("size", "small (up to 2 % of the picture)", 2),
        ("size", "medium (2 to 10 %)", 2),
        ("size", "large (above 10 %)", 2),
    ]
    means = [one.means["cam"].get("pointing-game") for one in found]
    assert [one and round(one.mean, 1) for one in means] == [66.7, 66.7, None, 50, 50, 100]
    assert size_limits([3, 1, 2]) == (1, 2)
    alike = [replace(row, area=0.5, category="x") for row in rows]
    assert [one.samples for one in groups_of(by_method(alike), [])] == [7], "all of one size"


def _judged(sample: str, truth: int, predicted: int, probability: float = 0.5) -> Row:
    return replace(
        ROW,
        sample=sample,
        classes=(truth,),
        good=truth == 0,
        predicted=predicted,
        right=truth == predicted,
        probability=probability,
    )


CONFUSED = [
    _judged("a", 1, 1),
    _judged("b", 1, 2),
    _judged("c", 2, 0, 0.3),
    _judged("d", 1, 0, 0.1),
    _judged("e", 0, 2),
    _judged("f", 0, 0),
]


def test_the_confusion_matrix_and_misses_first() -> None:
    found = confusion_of(CONFUSED, LABELS, 0)
    assert found is not None
    assert found.truths == found.predicted == LABELS
    assert found.counts == ((1, 0, 1), (1, 1, 1), (1, 0, 0))
    assert found.right == ((1, 0, 0), (0, 1, 0), (0, 0, 0))
    assert [(one.kind, one.sample) for one in found.mistakes] == [
        ("miss", "d"),
        ("miss", "c"),
        ("false alarm", "e"),
        ("confusion", "b"),
    ]
    unnamed = confusion_of([replace(row, good=None) for row in CONFUSED], LABELS, None)
    assert unnamed is not None
    assert {one.kind for one in unnamed.mistakes} == {"confusion"}
    assert confusion_of([replace(ROW, right=None)], LABELS, 0) is None


def test_a_defect_of_any_kind_has_a_row_of_its_own() -> None:
    rows = [
        replace(ROW, sample="a", classes=(1, 2), category="", predicted=2, right=True, good=False),
        replace(
            ROW, sample="b", classes=(1, 2), category="dent", predicted=0, right=False, good=False
        ),
    ]
    found = confusion_of(rows, LABELS, 0)
    assert found is not None
    assert (found.truths, found.predicted) == (("any defect", "dent"), ("good", "hole"))
    assert found.counts == ((0, 1), (1, 0))
    assert [one.kind for one in found.mistakes] == ["miss"]


def test_good_parts_with_colour() -> None:
    rows = [
        replace(ROW, good=good, has_colour=seen)
        for good, seen in ((True, True), (True, False), (False, True))
    ]
    found = coloured(rows)
    assert found is not None
    assert (found.count, found.of, found.relative) == (1, 2, True)
    assert coloured(rows[2:]) is None


def test_defects_told_from_good_parts() -> None:
    """Scores 0.9 0.8 0.2 of defects, 0.5 0.1 of good parts: five of six pairs are in order."""
    scores = {
        "a": (0.9, False),
        "b": (0.8, False),
        "c": (0.2, False),
        "d": (0.5, True),
        "e": (0.1, True),
    }
    rows = [
        replace(ROW, sample=name, score=score, good=good) for name, (score, good) in scores.items()
    ]
    both = {"cam": {row.sample: row for row in rows}, "other": {row.sample: row for row in rows}}
    (found,) = detections(both, "good")
    assert found.scored == "probability of not 'good'"
    assert (found.defects, found.good_parts) == (3, 2)
    assert found.area == pytest.approx(5 / 6)
    assert [(one.at_most, one.defects) for one in found.found] == [
        (0, 2),
        (0.01, 2),
        (0.05, 2),
        (0.1, 2),
    ]
    corners = list(zip(found.curve.x, found.curve.y, strict=True))
    assert corners == [(0, 0), (0, 2 / 3), (0.5, 2 / 3), (0.5, 1), (1, 1)]
    absolute = {
        name: {row.sample: replace(row, relative=False) for row in rows}
        for name in ("cam", "other")
    }
    assert [one.scored for one in detections(absolute, "good")] == ["cam", "other"]
    assert detections({"cam": {row.sample: row for row in rows[:3]}}, "good") == ()


def test_overlap_is_of_all_rows_together() -> None:
    """Found whole in one picture, not at all in the other, and no good pixel above: a half."""
    mask = np.zeros((4, 4), np.bool_)
    mask[:2, :2] = True
    seen = count_levels(mask.astype(np.float32), mask, 1.0)
    nothing = count_levels(np.zeros((4, 4), np.float32), mask, 1.0)
    found = overlap([replace(ROW, levels=seen), replace(ROW, levels=nothing), ROW])
    assert found is not None
    # From (0, 1/2) straight to (1, 1): at 0.3 it is 0.65, so the mean up to there is 0.575.
    assert found.area == pytest.approx(0.575)
    assert found.limit == 0.3
    assert found.curve.y[-1] == pytest.approx(0.65)
    assert overlap([ROW]) is None


def test_findings_are_sentences(inspector: Path) -> None:
    values = {"adcc": 50.0, "complexity": 1.0, "pointing-game": None, "iou": None}
    rows = [
        replace(row, method="cam", values=values, score=0.1 * place)
        for place, row in enumerate(CONFUSED)
    ]
    found = _summary(rows, inspector)
    assert (found.good, found.good_parts) == ("good", 2)
    assert findings(found)[1:3] == [
        "2 misses (a defect taken for good), 1 false alarm (a good part taken for a defect), "
        "1 other confusion in 6 samples.",
        "cam: 2 of 2 good parts show colour: scale is relative, calibrate with "
        "`camruntime calibrate`",
    ]
    unnamed = replace(found, good=None)
    assert (
        "The network is right on 2 of 6 samples. Good parts are not known" in findings(unnamed)[1]
    )
    assert "`camexport build --good LABEL`" in findings(unnamed)[1]
