"""What is measured where nobody chose, and the reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime.datasets import Dataset, GroundTruth, Sample
from camruntime.evaluation import choose_methods, choose_metrics
from camruntime.methods import METHODS, spec_of
from camruntime.metrics import METRICS


def _nowhere(size: tuple[int, int]) -> GroundTruth:
    return GroundTruth(np.empty((0, 4), np.float32), np.zeros(size, np.bool_))


PLAIN = Sample(name="a", image=Path("a.png"))
PLACED = Sample(name="b", image=Path("b.png"), locate=_nowhere)


@pytest.mark.parametrize("places", [True, False])
def test_every_metric_is_chosen_or_left_out_with_a_reason(places: bool) -> None:
    samples = (PLAIN, PLACED) if places else (PLAIN,)
    chosen, reasons = choose_metrics("auto", Dataset(name="d", kind="csv", samples=samples))
    left = {line.removeprefix("without ").partition(":")[0] for line in reasons[1:]}
    assert set(chosen) | left == set(METRICS)
    assert not set(chosen) & left
    assert ("pointing-game" in chosen) is places
    if places:
        assert reasons[0].endswith("localisation first, as 1 of 2 samples say where something is")
    else:
        assert "without iou: no sample of d (csv) says where anything is" in reasons
    assert "without confidence: only where it is asked for (--metrics)" in reasons


def test_what_is_asked_for_needs_no_reason(inspector: Path) -> None:
    dataset = Dataset(name="d", kind="csv", samples=(PLAIN,))
    assert choose_metrics("iou,adcc", dataset) == (["iou", "adcc"], [])
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    methods, reasons = choose_methods(explainer, dataset, "grad-cam,uniform", "grad-cam")
    assert (len(methods), reasons) == (1, [])
    _, reasons = choose_methods(explainer, dataset, "grad-cam", "grad-cam")
    assert reasons == ["methods by default: grad-cam: of the cheapest; --methods all has more"]


def test_all_methods_are_chosen_or_left_out_with_a_reason(inspector: Path) -> None:
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    sample = Sample(name="a", image=inspector / "samples" / "crack-1.png")
    dataset = Dataset(name="d", kind="csv", samples=(sample,))
    methods, reasons = choose_methods(explainer, dataset, "all", "grad-cam")
    assert reasons[0] == "methods by all: every one that can explain this network"
    assert len(methods) + len(reasons) - 1 == len(METHODS)


def test_a_method_of_thousands_of_passes_has_to_be_named(inspector: Path) -> None:
    """RISE takes 4,000, and SS-CAM 35 for each of the inspector's 96 channels."""
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    dataset = Dataset(name="d", kind="csv", samples=())
    methods, reasons = choose_methods(explainer, dataset, "all", "grad-cam")
    assert "without rise: it takes 4,000 passes for a picture: name it, to have it too" in reasons
    assert "without ss-cam: it takes 3,360 passes for a picture: name it, to have it too" in reasons
    assert {"is-cam", "score-cam"} <= {spec_of(one) for one in methods}
    (named,), _ = choose_methods(explainer, dataset, "rise", "grad-cam")
    assert spec_of(named) == "rise"
