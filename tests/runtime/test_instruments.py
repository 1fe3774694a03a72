"""What counts as a pass, who is charged for what several share, and that a clock agrees."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.engine import Cost, instruments, metered
from camruntime.engine.instruments import charge
from camruntime.explaining import explain_prediction, predict_batch
from camruntime.graphs import Occlusion
from camruntime.maps import bilinear


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    folder = Path(__file__).parents[2] / "exported_models" / "inspector"
    return camruntime.load(folder, ["cpu"], threads=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list of one, moved on by hand."""
    moment = [100.0]
    monkeypatch.setattr(instruments, "perf_counter", lambda: moment[0])
    return moment


def test_pictures_and_gradients_count_and_copies_of_activations_do_not(
    explainer: Explainer,
) -> None:
    graphs = explainer.graphs()
    image = np.random.default_rng(0).normal(0, 1, (1, 3, 128, 128)).astype(np.float32)
    masks, upsampling = np.ones((3, 16, 16), np.float32), bilinear((16, 16), (128, 128))
    with metered() as meter:
        forward = graphs.forward(image)
        assert meter.cost.passes == 1
        graphs.logits_of_masked_images(image, masks, upsampling)
        assert meter.cost.passes == 4
        occlusion = Occlusion(image, image, np.zeros((1, 3, 1, 1), np.float32))
        graphs.logits_of_occluded_images(occlusion, masks, upsampling)
        assert meter.cost.passes == 7
        graphs.logits(np.repeat(image, 2, 0))
        graphs.layer(np.repeat(image, 2, 0))
        assert meter.cost.passes == 11
        graphs.gradients(forward.layer.rows([0, 0]), [1, 2])
        assert meter.cost.passes == 13
        graphs.logits_of_masked_activations(forward.layer, masks)
        graphs.logits_of_single_cells(forward)
        graphs.edges(graphs.forward(image).image, "scharr")
    assert meter.cost.passes == 14


def test_what_is_counted_inside_is_not_counted_twice(now: list[float]) -> None:
    with metered() as outer:
        now[0] += 1
        with metered() as inner:
            charge(Cost(passes=6))
            now[0] += 30
        charge(inner.cost.share(1, 3))
        now[0] += 2
    assert inner.cost == Cost(6, 30)
    assert outer.cost == Cost(2, 1 + 2 + 10)


def test_a_thread_counts_only_what_it_does_itself() -> None:
    with metered() as meter:
        other = threading.Thread(target=charge, args=(Cost(passes=5),))
        other.start()
        other.join()
        charge(Cost(passes=1))
    assert meter.cost.passes == 1
    charge(Cost(passes=1))
    assert meter.cost.passes == 1, "the block is over"


@pytest.mark.parametrize(
    ("spec", "passes"),
    [("grad-cam", 2), ("recipro-cam", 1), ("uniform", 1), ("decom-cam:components=3", 6)],
)
def test_images_of_a_batch_share_what_is_computed_for_all(
    explainer: Explainer, samples: list[Path], spec: str, passes: int
) -> None:
    """Each costs what it costs alone in passes, and together what the clock says in seconds."""
    method = explainer.method(spec)
    batch = [explainer.open(path) for path in samples[:4]]
    with metered() as meter:
        found = [
            explain_prediction(one, method)
            for one in predict_batch(explainer.graphs(), batch, [method])
        ]
    assert [round(one.cost.passes, 6) for one in found] == [passes] * 4
    assert meter.cost.passes == 0, "all of it was counted inside"
    alone = explainer.outcome(batch[0], spec)
    assert alone.cost.passes == passes
    np.testing.assert_allclose(found[0].maps.raw, alone.maps.raw, atol=1e-5)
    assert all(one.cost.seconds > 0 for one in found)
