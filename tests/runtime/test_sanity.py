"""The model randomisation check, where no network is randomised: the shipped bundle alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.bundle import Source
from camruntime.cli.sanity import stage_folders
from camruntime.engine import Engine
from camruntime.errors import BundleError, CamError
from camruntime.evaluation import RandomisationCheck, Similarity, compare_stages
from camruntime.evaluation.randomisation import MethodStages
from camruntime.evaluation.verdict import in_a_sentence, judge, verdict
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps
from camruntime.methods import METHODS, make_method


@dataclass(frozen=True)
class Flat:
    """Shows nothing."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        return Maps(np.ones((len(targets), 16, 16), np.float32))


@dataclass(frozen=True)
class Asked:
    """A map that is the class asked for: a corner for even ones, another for odd ones."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        maps = np.zeros((len(targets), 16, 16), np.float32)
        for index, target in enumerate(targets):
            maps[index, 2 + 3 * target] = 1
        return Maps(maps)


@pytest.fixture
def explainer(inspector: Path) -> Explainer:
    return camruntime.load(inspector, ["cpu"])


def _changed(explainer: Explainer, **fields: Any) -> Explainer:
    """The same with other fields in its manifest."""
    manifest = dataclasses.replace(explainer.bundle.manifest, **fields)
    bundle = dataclasses.replace(explainer.bundle, manifest=manifest)
    return Explainer(Engine(bundle, ["cpu"]))


def _drawn(explainer: Explainer) -> Explainer:
    """The same network, which says that its weights are others."""
    source = dataclasses.replace(explainer.bundle.manifest.source, digest="0" * 64)
    return _changed(explainer, source=source)


def test_identical_networks_have_identical_maps(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "flat", Flat)
    seen: list[tuple[int, int]] = []
    check = compare_stages(
        explainer,
        [partial(_drawn, explainer)] * 2,
        samples[:2],
        [make_method("recipro-cam:score=logit"), make_method("grad-cam"), Flat()],
        lambda done, total: seen.append((done, total)),
    )
    assert [one.method for one in check.methods] == ["recipro-cam:score=logit", "grad-cam", "flat"]
    for one in check.methods[:2]:
        for stage in one.stages:
            assert stage.rank == pytest.approx(1)
            assert stage.structure == pytest.approx(1)
            assert stage.flat == 0
    assert [(stage.rank, stage.flat) for stage in check.methods[2].stages] == [(0, 2), (0, 2)]
    assert check.unmoved() == check.methods[:2]
    assert "recipro-cam:score=logit does not depend" in check.methods[0].verdict
    assert check.methods[2].verdict.startswith("flat cannot be judged")
    assert check.sentence() == (
        "In short: recipro-cam:score=logit and grad-cam do not depend on what it learned, so do "
        "not trust them here; flat cannot be judged."
    )
    assert check.stages == ("inspector.safetensors",) * 2
    assert seen == [(done, 6) for done in range(1, 7)]


def test_the_stages_explain_the_originals_top_class(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a stage itself, here one with another class layer, would answer otherwise."""
    monkeypatch.setitem(METHODS, "asked", Asked)
    picture = np.full((128, 128, 3), 128, np.uint8)
    other = _drawn(explainer)
    original = other.explain
    monkeypatch.setattr(
        other,
        "explain",
        lambda image, method, target: original(
            picture if target is None else image, method, target
        ),
    )
    assert explainer.explain(picture).target != explainer.explain(samples[0]).target
    check = compare_stages(explainer, [lambda: other], samples[:1], [Asked()])
    assert check.methods[0].stages[0].rank == pytest.approx(1)


def test_the_mean_is_over_the_images(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "asked", Asked)
    correlations = iter([0.25, 0.75])
    name = "camruntime.evaluation.randomisation.rank_correlation"
    monkeypatch.setattr(name, lambda _one, _other: next(correlations))
    check = compare_stages(explainer, [partial(_drawn, explainer)], samples[:2], [Asked()])
    assert check.methods[0].stages[0].rank == 0.5


def test_another_network_is_no_stage(explainer: Explainer, samples: list[Path]) -> None:
    manifest, cam = explainer.bundle.manifest, make_method("cam")
    smaller = dataclasses.replace(manifest.input, size=(64, 64))
    for fields in ({"model": "resnet18"}, {"input": smaller}, {"labels": tuple("abcde")}):
        stage = _changed(explainer, **fields)
        with pytest.raises(BundleError, match=r"not a stage of .*`camexport randomise`"):
            compare_stages(explainer, [partial(_changed, stage)], samples[:1], [cam])


def test_a_network_that_is_not_randomised_is_no_stage(
    inspector: Path, explainer: Explainer, samples: list[Path]
) -> None:
    """All methods' maps would stay as they are, and none be trusted."""
    stages = [partial(camruntime.load, inspector, ["cpu"])]
    with pytest.raises(BundleError, match=r"has the same weights as .*`camexport randomise`"):
        compare_stages(explainer, stages, samples[:1], [make_method("cam")])


def test_nothing_to_compare(explainer: Explainer, samples: list[Path]) -> None:
    cam = make_method("cam")
    for stages, images, methods in (([], samples, [cam]), ([lambda: explainer], [], [cam])):
        with pytest.raises(CamError, match="at least one stage, image and method"):
            compare_stages(explainer, stages, images, methods)


def test_unmoved_asks_the_last_stage() -> None:
    def stages(*ranks: float) -> tuple[Similarity, ...]:
        return tuple(Similarity(rank=rank, structure=0, flat=0) for rank in ranks)

    methods = (
        MethodStages(method="falls", stages=stages(0.9, 0.5)),
        MethodStages(method="stays", stages=stages(0.1, 0.51)),
    )
    check = RandomisationCheck(
        model="", layer="", weights="", provider="", images=1, stages=("b", "a"), methods=methods
    )
    assert check.unmoved() == methods[1:]
    assert check.unmoved(0.4) == methods


@pytest.mark.parametrize(
    ("rank", "flat", "expected"),
    [(0.5, 0, "depends"), (0.51, 0, "unmoved"), (-0.2, 2, "depends"), (0.0, 3, "unclear")],
)
def test_the_rule_of_the_verdict(rank: float, flat: int, expected: str) -> None:
    assert judge(Similarity(rank=rank, structure=0, flat=flat), 3) == expected


def test_verdicts_are_plain_sentences() -> None:
    moved, still = (Similarity(rank=rank, structure=0, flat=0) for rank in (0.04, 0.83))
    assert verdict("cam", moved, 4) == (
        "cam depends on what the network learned: randomise that, and its maps change "
        "(rank correlation 0.04, on 4 images)"
    )
    assert "do not trust it here" in verdict("layer-cam", still, 1)
    assert "(rank correlation 0.83, on 1 image)" in verdict("layer-cam", still, 1)
    assert in_a_sentence({"a": "depends", "b": "unmoved", "c": "depends", "d": "depends"}) == (
        "In short: a, c and d depend on what the network learned; b does not depend on what it "
        "learned, so do not trust it here."
    )
    assert in_a_sentence({"a": "depends"}) == "In short: a depends on what the network learned."


def test_a_source_tells_where_it_was_randomised_from() -> None:
    name = "mine, randomised from home.pth"
    source = Source(weights="file", name=name, seed=None, randomised_from=None, digest="a")
    assert source.randomised_from is None
    made = source.randomised("layer4.1.conv2", 3, "b")
    assert made.name == f"{name}, randomised from layer4.1.conv2 on, seed 3"
    assert made.randomised_from == "layer4.1.conv2"
    assert (made.weights, made.seed, made.digest) == ("randomised", 3, "b")


def test_stages_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no stages 1, 2, \.\.\.: expected what `camexport ra"):
        stage_folders(tmp_path)
    for name in ("10", "9", "1", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bundle.json").touch()
    assert [folder.name for folder in stage_folders(tmp_path)] == ["1", "9", "10"]
