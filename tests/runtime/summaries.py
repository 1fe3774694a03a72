"""A small summary written out by hand, with names that HTML would trip over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from camruntime.bundle import Answer
from camruntime.evaluation import Estimate, GalleryPicture, MistakePicture, Summary
from camruntime.evaluation.estimates import Curve
from camruntime.evaluation.inspection import (
    Coloured,
    Confusion,
    Detection,
    Found,
    Group,
    Mistake,
    MistakeKind,
    Overlap,
)
from camruntime.evaluation.summary import MethodSummary
from camruntime.metrics import MetricInfo

METRICS = {
    "insertion": MetricInfo(
        title="Insertion",
        category="faithfulness",
        better="higher",
        unit="",
        description="Area under the curve.",
    ),
    "drop": MetricInfo(
        title="Drop",
        category="faithfulness",
        better="lower",
        unit="%",
        description='What "is" lost.',
    ),
    "spread": MetricInfo(
        title="Spread",
        category="complexity",
        better="neither",
        unit="",
        description="Entropy.",
    ),
}


def curve(*y: float) -> Curve:
    return Curve(tuple(np.linspace(0, 1, len(y)).tolist()), y, "Share <shown>", "Probability")


CAM = MethodSummary(
    method="cam",
    baseline=False,
    metrics={
        "insertion": Estimate(0.4123, 0.381, 0.447, 20),
        "drop": Estimate(31.26, 28.0, 35.04, 18),
        "spread": Estimate(9.5, 9.25, 9.75, 20),
    },
    curves={"insertion": curve(0.0, 0.5, 1.0), "deletion": curve(1.0, 0.0)},
    passes=1,
    seconds=0.0123,
    no_better_than_centre=("drop",),
)
SCORE = MethodSummary(
    method="score-cam:<b>=1",
    baseline=False,
    metrics={
        "insertion": Estimate(0.39, 0.35, 0.43, 20),
        "drop": Estimate(25.0, 22.0, 28.0, 20),
    },
    curves={"insertion": curve(0.0, 0.25, 1.0)},
    passes=2049,
    seconds=8.81,
)
CENTRE = MethodSummary(
    method="centre",
    baseline=True,
    metrics={"insertion": Estimate(0.9, 0.8, 1.0, 20), "drop": Estimate(1.0, 0.5, 2.0, 20)},
    curves={"insertion": curve(0.0, 0.9, 1.0)},
    passes=0,
    seconds=1e-5,
)
SUMMARY = Summary(
    model="net & <co>",
    layer="features.7",
    weights="0123456789abcdef" * 4,
    provider="CPUExecutionProvider",
    answer=Answer(),
    dataset="parts",
    kind="folders",
    samples=20,
    accuracy=0.8126,
    probability=0.7,
    failed=('<img src="x">.png: not a picture',),
    metrics=METRICS,
    methods=(CAM, CENTRE, SCORE),
)


def _mistake(kind: MistakeKind, sample: str, truth: str, predicted: str) -> Mistake:
    return Mistake(kind=kind, sample=sample, truth=truth, predicted=predicted, probability=0.2)


HITS = MetricInfo(
    title="Pointing <game>", category="localisation", better="higher", description="Hits."
)
ONE = {"hits": Estimate(75.0, 50.0, 100.0, 4)}
INSPECTED = replace(
    SUMMARY,
    metrics={"hits": HITS, **METRICS},
    methods=tuple(
        replace(
            method,
            metrics={"hits": Estimate(90.0 - 10 * place, 80.0, 100.0, 8), **method.metrics},
            coloured=Coloured(2, 3, 4, 5, relative=True),
            overlap=Overlap(0.7 - 0.1 * place, 0.3, curve(0.0, 0.5, 0.8)),
        )
        for place, method in enumerate(SUMMARY.methods)
    ),
    headline="cam hits the <defect> in 9 of 10 pictures; the picture's centre would in 2.",
    leading=("hits", "insertion"),
    best="cam",
    notes=("class 'dent' is none of the network's labels: 2 samples left out",),
    choices=("metrics by auto: hits", "without drop: only where it is asked for (--metrics)"),
    good="good",
    good_parts=3,
    groups=(
        Group(kind="class", name="scr<atch", samples=5, means={"cam": ONE}),
        Group(kind="class", name="good", samples=3, means={}),
        Group(kind="size", name="small (up to 1 % of the picture)", samples=4, means={"cam": ONE}),
    ),
    confusion=Confusion(
        truths=("good", "scratch"),
        predicted=("good", "scratch", "ho<le"),
        counts=((2, 1, 0), (3, 9, 4)),
        right=((2, 0, 0), (0, 9, 0)),
        mistakes=(
            *(_mistake("miss", f"m{n}", "scratch", "good") for n in range(3)),
            _mistake("false alarm", "f", "good", "scratch"),
            *(_mistake("confusion", f"c{n}", "scratch", "ho<le") for n in range(4)),
        ),
    ),
    detections=(
        Detection(
            scored="probability of not 'good'",
            good_parts=3,
            defects=16,
            area=0.75,
            curve=curve(0.0, 0.5, 1.0),
            found=(Found(0.0, 0.0, 0.25, 4), Found(0.1, 0.1, 0.5, 8)),
        ),
    ),
)
"""The same with places, classes, mistakes and good parts."""


def mistakes() -> list[MistakePicture]:
    """A false alarm before a miss, as they need not be in order."""
    flat = np.full((50, 90, 3), (30, 30, 200), np.uint8)
    return [
        MistakePicture(kind="false alarm", sample="f", caption="good, taken for it", picture=flat),
        MistakePicture(kind="miss", sample="m<0", caption="scratch, taken for good", picture=flat),
    ]


def gallery() -> list[GalleryPicture]:
    """Worst before best, as they need not be in order; the first is 640 pixels high."""
    tall = np.full((640, 300, 3), (200, 30, 30), np.uint8)
    flat = np.full((50, 90, 3), (30, 30, 200), np.uint8)
    return [
        GalleryPicture(
            method="cam", rank="worst", sample='a"b<c>.png', caption="x < y, 0.1", picture=tall
        ),
        GalleryPicture(method="cam", rank="best", sample="d.png", caption="y 0.9", picture=flat),
        GalleryPicture(
            method=SCORE.method, rank="median", sample="e.png", caption="z", picture=flat
        ),
    ]
