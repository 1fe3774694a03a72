"""Rehearsals, held against what methods really ask of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import camruntime
from camruntime.budget.costs import _kinds
from camruntime.budget.rehearsal import rehearse
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import MethodError
from camruntime.explaining import asked_of, with_contrasts
from camruntime.explaining.contrasting import Versus
from camruntime.graphs import Forward, LayerOutput
from camruntime.maps import FloatArray, Maps
from camruntime.methods import make_method
from every_method import EVERY, SEVERAL_LAYERS
from two_layers import two_layers

FEWER = {
    *("score-cam", "anytime-score-cam", "decom-cam"),
    *("is-cam", "ss-cam", "score-cam++", "ablation-cam", "group-cam"),
}
"""What a picture with dead channels makes ask for less: a rehearsal has none."""


_AS = dict.fromkeys(["logits_of_made_images", "forwards", "forwards_with_cells"], "logits")
"""What costs as much as another question."""


class Noted:
    """The network's graphs, with what is asked of them noted down."""

    def __init__(
        self, graphs: OnnxGraphs, asked: list[tuple[str, int]] | None = None, before: str = ""
    ) -> None:
        self.graphs, self.asked, self._before = graphs, [] if asked is None else asked, before

    def _here(self, kind: str) -> str:
        return self._before + kind

    def _later(self) -> list[tuple[str, OnnxGraphs]]:
        return [(f"{number}/", one) for number, one in enumerate(self.graphs.cuts[1:], 2)]

    def __getattr__(self, kind: str) -> Any:
        if kind == "cuts":
            return [self, *(Noted(one, self.asked, at) for at, one in self._later())]

        def ask(*inputs: Any) -> Any:
            if kind == "logits_of_single_cells" and inputs[0].single_cells is not None:
                return inputs[0].single_cells
            if kind in ("shared", "told"):
                return self
            name = f"edges:{inputs[1]}" if kind == "edges" else _AS.get(kind, kind)
            if kind == "forwards_with_cells":
                self.asked += [(self._here("logits_of_single_cells"), 1)] * len(inputs[0])
            self.asked.append((self._here(name), _rows(kind, inputs)))
            return getattr(self.graphs, kind)(*inputs)

        return ask


def _rows(kind: str, inputs: tuple[Any, ...]) -> int:
    if kind in ("forward", "edges", "logits_of_single_cells"):
        return 1
    if kind == "logits_of_made_images":
        return int(inputs[0])
    second = kind == "gradients" or any(one in kind for one in ("masked", "occluded", "ablated"))
    counted: FloatArray | LayerOutput = inputs[1 if second else 0]
    return len(counted.activations if isinstance(counted, LayerOutput) else counted)


def _really(bundle: Path, image: Path, spec: str, asked: list[Any]) -> list[tuple[str, int]]:
    explainer = camruntime.load(bundle, ["cpu"])
    method, graphs = make_method(spec), explainer.graphs()
    prefers = "cells" in getattr(method, "prefers", ())
    forwards = graphs.forwards_with_cells if prefers else graphs.forwards
    (forward,) = forwards(explainer.open(image).image)
    noted = Noted(graphs)
    wider: tuple[Any, Forward, list[int]] = with_contrasts(noted, forward, asked)
    method(*wider)
    return noted.asked


@pytest.mark.parametrize("spec", [*EVERY, *SEVERAL_LAYERS])
def test_a_rehearsal_asks_what_the_method_asks(
    inspector: Path, samples: list[Path], tmp_path: Path, spec: str
) -> None:
    bundle = two_layers(inspector, tmp_path / "b") if spec in SEVERAL_LAYERS else inspector
    manifest = camruntime.open_bundle(bundle).manifest
    really = _really(bundle, samples[0], spec, [0])
    rehearsed = rehearse(make_method(spec), manifest, [0], cells=True)
    assert [kind for kind, _ in rehearsed.questions[: len(really)]] == [kind for kind, _ in really]
    if not {one.partition(":")[0] for one in spec.split("/")} & FEWER:
        assert list(rehearsed.questions) == really
    assert sum(rows for _, rows in rehearsed.questions) >= sum(rows for _, rows in really)
    assert rehearsed.seconds >= 0


@pytest.mark.parametrize("contrast", [Versus((1,), 0), Versus((1, 2, 3, 4), 0)])
def test_a_contrast_asks_for_the_gradients_of_its_classes(
    inspector: Path, samples: list[Path], contrast: Versus
) -> None:
    manifest = camruntime.open_bundle(inspector).manifest
    really = _really(inspector, samples[0], "grad-cam", [contrast])
    found = rehearse(make_method("grad-cam"), manifest, [contrast], cells=True)
    assert [kind for kind, _ in found.questions] == [kind for kind, _ in really]
    (rows,) = [rows for kind, rows in found.questions if kind == "gradients"]
    assert len(contrast.classes) + 1 >= rows >= dict(really)["gradients"]


def test_classes_beside_a_contrast_count_as_they_are(inspector: Path, samples: list[Path]) -> None:
    """The gradients of 2, 3, 1 and 0; were they all called 0, there would be two."""
    manifest = camruntime.open_bundle(inspector).manifest
    asked: list[Any] = [2, 3, Versus((1,), 0)]
    really = dict(_really(inspector, samples[0], "grad-cam", asked))
    assert really["gradients"] == 4
    assert dict(rehearse(make_method("grad-cam"), manifest, asked, cells=True).questions) == really
    wanted = camruntime.load(inspector, ["cpu"])._wanted(
        ["crack", "stain", "scratch-good"], manifest
    )
    assert asked_of(wanted) == [2, 3, Versus((1,), 0)]
    assert _kinds(asked) == tuple(asked)
    assert _kinds([2, 3]) == (0, 0)


def test_a_whole_score_cam_of_the_inspector_is_its_96_channels(inspector: Path) -> None:
    bundle = camruntime.open_bundle(inspector)
    found = rehearse(make_method("score-cam"), bundle.manifest, [0], cells=True)
    assert found.questions == (("logits_of_masked_images", 96),)
    few = rehearse(make_method("anytime-score-cam:share=0.25"), bundle.manifest, [0], cells=True)
    assert [rows for _, rows in few.questions] == [8, 8, 8]
    sure = "anytime-score-cam:share=0.25:certificate=0.995"
    most = rehearse(make_method(sure), bundle.manifest, [0, 1], cells=True)
    assert sum(rows for _, rows in most.questions) == 24  # nothing is certified of noise


def test_nothing_is_computed(inspector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> object:
        raise AssertionError("a graph was run")

    monkeypatch.setattr(Engine, "run", never)
    manifest = camruntime.open_bundle(inspector).manifest
    assert rehearse(make_method("score-cam"), manifest, [0], cells=True).questions


@dataclass(frozen=True)
class _Peeks:
    """Somebody's own, which asks for more than `Graphs` promises."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Any, forward: Forward, targets: Sequence[int]) -> Maps:
        assert graphs.engine is not None
        return Maps(np.zeros((len(targets), *forward.activations.shape[2:]), np.float32))


@dataclass
class _Changes:
    """Somebody's own, which counts."""

    calls: int = 0
    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, _: Any, forward: Forward, targets: Sequence[int]) -> Maps:
        self.calls += 1
        return Maps(np.zeros((len(targets), *forward.activations.shape[2:]), np.float32))


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (_Peeks(), r"^_Peeks cannot be rehearsed on noise.*AttributeError: '_Noise' object has no"),
        (_Changes(), r"^what _Changes costs cannot be kept, as it may change: make it a @data"),
    ],
    ids=["peeks", "changes"],
)
def test_what_cannot_be_rehearsed(
    inspector: Path, samples: list[Path], method: Any, said: str
) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    assert explainer.explain(samples[0], method).no_evidence
    with pytest.raises(MethodError, match=said):
        explainer.explain(samples[0], method, budget_ms=9000)
    with pytest.raises(MethodError, match=said):
        explainer.warm_up([method])
