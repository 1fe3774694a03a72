"""What a row keeps of an explanation without a calibration: colour and scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.datasets import Sample, open_dataset
from camruntime.evaluation.levels import unpack
from camruntime.evaluation.row import measured
from camruntime.explaining import Outcome, Wanted


@pytest.fixture
def explainer(inspector: Path) -> Explainer:
    return camruntime.load(inspector, ["cpu"], threads=1)


def _outcome(explainer: Explainer, sample: Sample, method: str = "recipro-cam") -> Outcome:
    photograph = explainer.open(sample.image, Wanted((sample.classes,)))
    return explainer.outcome(photograph, explainer.method(method))


def _samples(inspector: Path, labels: tuple[str, ...]) -> dict[str, Sample]:
    found = open_dataset(inspector / "samples", labels, good=0)
    return {sample.name: sample for sample in found.samples}


def test_without_a_calibration(explainer: Explainer, inspector: Path) -> None:
    samples = _samples(inspector, explainer.labels)
    defect, good = samples["hole-1.png"], samples["good-1.png"]
    row = measured(defect, _outcome(explainer, defect), [])
    assert (row.good, row.right, row.classes) == (False, True, (1, 2, 3, 4))
    assert (row.has_colour, row.relative) == (True, True)
    assert row.area == pytest.approx(float(_mask(defect).mean()))
    p_good = explainer.explain(defect.image, "uniform", "good").target.probability
    assert row.score == pytest.approx(1 - p_good)
    assert row.levels is not None
    assert unpack(row.levels.good).sum() == (~_mask(defect)).sum()
    part = measured(good, _outcome(explainer, good), [])
    assert (part.good, part.classes, part.area) == (True, (0,), None)
    assert part.score is not None
    assert part.score < 0.5
    flat = measured(good, _outcome(explainer, good, "uniform"), [])
    assert (flat.no_evidence, flat.has_colour) == (True, False)


def _mask(sample: Sample) -> np.ndarray:
    assert sample.locate is not None
    return sample.locate((128, 128)).mask


def test_nobody_knows_a_good_class(explainer: Explainer, inspector: Path) -> None:
    manifest = dataclasses.replace(explainer.bundle.manifest, good=None)
    bundle = dataclasses.replace(explainer.bundle, manifest=manifest)
    unnamed = Explainer(camruntime.engine.Engine(bundle, ["cpu"]))
    sample = Sample(name="a", image=inspector / "samples" / "good-1.png", good=True)
    row = measured(sample, _outcome(unnamed, sample), [])
    assert (row.good, row.right, row.score) == (True, None, None)
    assert row.has_colour
