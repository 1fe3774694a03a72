"""A whole evaluation: results on disk, going on after an interruption, bad pictures, the table."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime.bundle import Answer, Bundle
from camruntime.datasets import Dataset, Sample, open_dataset
from camruntime.engine import Engine
from camruntime.errors import EvaluationError
from camruntime.evaluation import Evaluation, spread, worth_seeing, write_results, write_summary
from camruntime.evaluation.summarise import summarise
from camruntime.explainer import Explainer
from camruntime.graphs import softmax
from camruntime.methods import BASELINES
from camruntime.metrics import make_metric
from camruntime.pictures import prepare, read_picture

METRICS = ["average-drop", "complexity", "insertion:steps=4", "pointing-game"]


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    folder = Path(__file__).parents[2] / "exported_models" / "inspector"
    return camruntime.load(folder, ["cpu"])


@pytest.fixture
def dataset(explainer: Explainer, inspector: Path, tmp_path: Path) -> Dataset:
    """The shipped samples, a folder for each class, and a file that is no picture."""
    for name, label in (("scratch-1", "scratch"), ("hole-1", "hole"), ("good-1", "good")):
        (tmp_path / "data" / label).mkdir(parents=True)
        shutil.copy(inspector / "samples" / f"{name}.png", tmp_path / "data" / label)
    (tmp_path / "data" / "good" / "broken.png").write_bytes(b"no picture")
    return open_dataset(tmp_path / "data", explainer.labels)


def _evaluation(
    explainer: Explainer, dataset: Dataset, out: Path, *methods: str, metrics: list[str] = METRICS
) -> Evaluation:
    chosen = [explainer.method(spec) for spec in methods or ("recipro-cam", "centre-gaussian")]
    return Evaluation(explainer, dataset, chosen, [make_metric(one) for one in metrics], out)


def test_an_evaluation(explainer: Explainer, dataset: Dataset, tmp_path: Path) -> None:
    evaluation = _evaluation(explainer, dataset, tmp_path / "out")
    summary = evaluation.run()
    assert summary.samples == 3
    assert summary.accuracy == 1
    assert len(summary.failed) == 1
    assert "broken.png: " in summary.failed[0]
    titles = [info.title for info in summary.metrics.values()]
    assert titles[:3] == ["Average Drop", "Complexity", "Insertion (steps=4)"]
    ours, centre = summary.methods
    assert (ours.method, ours.baseline, ours.passes) == ("recipro-cam", False, 1)
    assert (centre.method, centre.baseline) == ("centre-gaussian", True)
    assert set(ours.metrics) == {"average-drop", "complexity", "insertion:steps=4"}  # no regions
    assert len(ours.curves["insertion:steps=4"].x) == 5
    # Independently: the mean drop, by way of explain and a picture of our own.
    drops = []
    for sample in dataset.samples[1:]:
        found = explainer.explain(sample.image, "recipro-cam")
        image = prepare(read_picture(sample.image), explainer.bundle.manifest.input)
        graphs = explainer.graphs()
        before, after = (
            softmax(graphs.logits(each))[0, found.target.index]
            for each in (image, image * found.saliency)
        )
        drops.append(100 * max(0.0, float(before - after)) / before)
    assert ours.metrics["average-drop"].mean == pytest.approx(np.mean(drops), rel=1e-4)


def test_an_interrupted_evaluation_goes_on(
    explainer: Explainer, dataset: Dataset, tmp_path: Path
) -> None:
    whole = _evaluation(explainer, dataset, tmp_path / "whole").run()

    def interrupt(done: int, every: int, what: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _evaluation(explainer, dataset, tmp_path / "out").run(interrupt)
    file = tmp_path / "out" / "results.jsonl"
    kept = file.read_text().splitlines()
    assert len(kept) == 1 + 3
    file.write_text("\n".join(kept) + '\n{"sample": "scra')  # cut off while it was written
    steps: list[str] = []
    again = _evaluation(explainer, dataset, tmp_path / "out")
    summary = again.run(lambda done, every, what: steps.append(what))
    assert len(steps) == 3
    assert file.read_text().splitlines()[: len(kept)] == kept
    for one, other in zip(summary.methods, whole.methods, strict=True):
        assert one.metrics == other.metrics
    more = _evaluation(explainer, dataset, tmp_path / "out", "recipro-cam", "uniform").run()
    assert [one.method for one in more.methods] == ["recipro-cam", "uniform"]


def test_results_of_something_else_are_not_mixed_in(
    explainer: Explainer, dataset: Dataset, tmp_path: Path
) -> None:
    _evaluation(explainer, dataset, tmp_path / "out").run()
    with pytest.raises(EvaluationError, match=r"was measured with metrics .*another --out"):
        _evaluation(explainer, dataset, tmp_path / "out", metrics=["complexity"])
    half = dataclasses.replace(explainer.bundle.manifest, precision="fp16")
    bundle = Bundle(explainer.bundle.folder, half)
    lowered = Explainer(Engine(bundle, ["cpu"]))
    with pytest.raises(EvaluationError, match=r"was measured with weights \w+, not \w+, fp16: "):
        _evaluation(lowered, dataset, tmp_path / "out")
    manifest = explainer.bundle.manifest
    others: dict[str, tuple[str, object]] = {
        r"size \[128, 128\], not \[96, 128\]: ": (
            "input",
            dataclasses.replace(manifest.input, size=(96, 128)),
        ),
        "probabilities softmax, not sigmoid: ": ("answer", Answer(probabilities="sigmoid")),
        "good 0, not None: ": ("good", None),
        "output None, not 1: ": ("output", "1"),
        r"arguments \{\}, not \{'slope': '2'\}: ": ("arguments", {"slope": "2"}),
    }
    for said, (field, value) in others.items():  # the same weights, and other probabilities
        changed = dataclasses.replace(manifest, **{field: value})  # type: ignore[arg-type]
        other = Explainer(Engine(Bundle(explainer.bundle.folder, changed), ["cpu"]))
        with pytest.raises(EvaluationError, match=said):
            _evaluation(other, dataset, tmp_path / "out")
    told = dataclasses.replace(manifest, input=dataclasses.replace(manifest.input, assumed=()))
    same = Explainer(Engine(Bundle(explainer.bundle.folder, told), ["cpu"]))
    assert len(_evaluation(same, dataset, tmp_path / "out").rows()) == 6
    fewer = dataclasses.replace(dataset, samples=dataset.samples[1:])
    with pytest.raises(EvaluationError, match="was measured with samples 4, "):
        _evaluation(explainer, fewer, tmp_path / "out")
    file = tmp_path / "out" / "results.jsonl"
    file.write_text("something else\n")
    with pytest.raises(EvaluationError, match="holds no results"):
        _evaluation(explainer, dataset, tmp_path / "out")


def test_no_picture_at_all(explainer: Explainer, dataset: Dataset, tmp_path: Path) -> None:
    broken = dataclasses.replace(dataset, samples=dataset.samples[:1])
    with pytest.raises(EvaluationError, match=r"no sample could be evaluated: .*broken\.png"):
        _evaluation(explainer, broken, tmp_path / "out").run()
    assert not (tmp_path / "out").exists()


def test_only_classes_among_the_leading_ones(
    explainer: Explainer, inspector: Path, tmp_path: Path
) -> None:
    """The last class but the explained one: its rank is beyond the first."""
    image = inspector / "samples" / "scratch-1.png"
    logits = (
        explainer.graphs()
        .forward(prepare(read_picture(image), explainer.bundle.manifest.input))
        .logits
    )
    first, second = np.argsort(-logits)[:2].tolist()
    samples = (
        Sample(name="a", image=image, classes=(first, second)),
        Sample(name="b", image=image, classes=(second,)),
    )
    dataset = Dataset(name="two", kind="csv", samples=samples)
    methods = [explainer.method("uniform")]
    metrics = [make_metric("complexity")]
    every = Evaluation(explainer, dataset, methods, metrics, tmp_path / "all")
    assert every.run().samples == 2
    assert [row.target for row in every.journal.rows] == [first, second]
    assert [row.right for row in every.journal.rows] == [True, False]
    top = Evaluation(explainer, dataset, methods, metrics, tmp_path / "top", within_top=1)
    summary = top.run()
    assert summary.samples == 1
    assert summary.failed == ("1 samples: their class is not among the network's top 1",)


def test_files(explainer: Explainer, dataset: Dataset, tmp_path: Path) -> None:
    evaluation = _evaluation(explainer, dataset, tmp_path / "out")
    summary = evaluation.run()
    write_results(tmp_path / "r.csv", evaluation.rows(), explainer.labels)
    write_summary(tmp_path / "s.json", summary)
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[0]["target_label"] == "good"
    assert rows[0]["pointing-game"] == ""
    assert float(rows[0]["complexity"]) == pytest.approx(
        evaluation.rows()[0].values["complexity"], rel=1e-5
    )
    stored = json.loads((tmp_path / "s.json").read_text())
    assert stored["methods"][0]["metrics"]["complexity"]["mean"] == pytest.approx(
        summary.methods[0].metrics["complexity"].mean
    )


def test_what_is_no_better_than_the_centre(
    explainer: Explainer, dataset: Dataset, tmp_path: Path
) -> None:
    """A method with the centre's own values is marked, one that is clearly better is not."""
    evaluation = _evaluation(explainer, dataset, tmp_path / "out", *BASELINES)
    evaluation.run()
    rows = [row for row in evaluation.rows() if row.method == "centre-gaussian"]
    same = [dataclasses.replace(row, method="grad-cam") for row in rows]
    better = [
        dataclasses.replace(
            row,
            method="cam",
            values={name: one and one - 1 for name, one in row.values.items()},
        )
        for row in rows
    ]
    manifest = explainer.bundle.manifest
    found = summarise([*rows, *same, *better], evaluation.metrics, manifest, "cpu", dataset, [])
    marks = {one.method: one.no_better_than_centre for one in found.methods}
    assert marks["centre-gaussian"] == ()
    assert marks["grad-cam"] == ("average-drop", "complexity", "insertion:steps=4")
    assert marks["cam"] == ("insertion:steps=4",)  # less is better in the others


def test_the_best_the_median_and_the_worst(
    explainer: Explainer, dataset: Dataset, tmp_path: Path
) -> None:
    evaluation = _evaluation(explainer, dataset, tmp_path / "out")
    evaluation.run()
    found = list(worth_seeing(evaluation.rows(), evaluation.metrics))
    assert [(rank, row.method) for rank, row in found[:3]] == [
        ("best", "recipro-cam"),
        ("median", "recipro-cam"),
        ("worst", "recipro-cam"),
    ]
    drops = [row.values["average-drop"] or 0.0 for _, row in found[:3]]
    assert drops == sorted(drops)
    assert next(worth_seeing(evaluation.rows()[:1], evaluation.metrics))[0] == "best"


def test_a_part_of_a_data_set(dataset: Dataset) -> None:
    assert spread(dataset, None) is dataset
    assert spread(dataset, 4) is dataset
    part = spread(dataset, 2)
    assert part.samples == (dataset.samples[0], dataset.samples[2])
    assert part.notes[-1].startswith("only 2 of these 4 samples were evaluated")
