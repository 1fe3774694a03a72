"""Names of methods and metrics, in every way to write them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

import camruntime
from camruntime._specs import Registry, bare
from camruntime.datasets import Dataset, Sample
from camruntime.errors import CamError, MethodError
from camruntime.evaluation import Evaluation, choose_methods
from camruntime.methods import BASELINES, METHODS, NAMED, GradCAM, ScoreCAM, make_method, spec_of
from camruntime.metrics import METRICS, make_metric, metric_spec

KINDS: Mapping[str, Any] = {**METHODS, **BASELINES}


def _forms(name: str) -> set[str]:
    """Worked out from the registry's name, not from what `bare` makes of it."""
    words = name.replace("++", "-plus-plus").split("-")
    peers = name.replace("++", "pp")
    return {
        name,
        name.upper(),
        name.title(),
        name.replace("-", "_"),
        name.replace("-", ""),
        name.replace("++", "-plus-plus"),
        "".join(word.capitalize() for word in words),
        "".join(word.upper() if word == "cam" else word.capitalize() for word in words),
        peers,
        peers.replace("-", "").upper(),
    }


@pytest.mark.parametrize("name", KINDS)
def test_every_way_to_write_a_method(name: str) -> None:
    for form in (*_forms(name), KINDS[name].__name__):
        assert type(make_method(form)) is KINDS[name], form
        assert spec_of(make_method(form)) == name, "results show the registry's name"


@pytest.mark.parametrize("name", NAMED)
def test_every_way_to_write_a_variant(name: str) -> None:
    for form in _forms(name):
        assert make_method(form) == make_method(name), form


@pytest.mark.parametrize("name", METRICS)
def test_every_way_to_write_a_metric(name: str) -> None:
    for form in (*_forms(name), METRICS[name].__name__):
        assert metric_spec(make_metric(form)) == name, form


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ("GradCAM", "grad-cam"),
        ("gradcam", "grad-cam"),
        ("Grad-CAM", "grad-cam"),
        ("GradCAM++", "grad-cam++"),
        ("GradCAMPlusPlus", "grad-cam++"),
        ("GradCAMpp", "grad-cam++"),
        ("SmoothGradCAMpp:samples=3", "smooth-grad-cam++:samples=3"),
        ("score_cam:preset=official", "score-cam:preset=official"),
        ("ScoreCAM:preset=TorchCAM", "score-cam:preset=torch-cam"),
        ("FeatureCAM:base=GradCAM++", "feature-cam:base=grad-cam++"),
        ("AnytimeScoreCAM:share=0.5", "anytime-score-cam:share=0.5"),
    ],
)
def test_specs_are_the_registrys(given: str, spec: str) -> None:
    assert spec_of(make_method(given)) == spec


def test_no_name_can_mean_two() -> None:
    for kinds, named in ((KINDS, NAMED), (METRICS, {})):
        forms = [*map(bare, [*kinds, *named])]
        assert max(Counter(forms).values()) == 1
        for name, kind in kinds.items():
            assert bare(kind.__name__) not in set(forms) - {bare(name)}
            for hint in get_type_hints(kind).values():
                texts = get_args(hint) if get_origin(hint) is Literal else ()
                assert len({bare(str(one)) for one in texts}) == len(texts)


def test_a_name_that_means_two_is_refused() -> None:
    """Methods may be registered by others."""
    kinds: dict[str, type[Any]] = {"grad-cam": GradCAM, "gradcam": ScoreCAM}
    registry: Registry[Any] = Registry("method", MethodError, kinds)
    assert type(registry.make("grad-cam")) is GradCAM
    assert type(registry.make("gradcam")) is ScoreCAM
    with pytest.raises(MethodError, match=r"'Grad_CAM' may be grad-cam or gradcam: write one of"):
        registry.make("Grad_CAM")


def test_a_class_is_told_from_an_object(inspector: Path, samples: list[Path]) -> None:
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    kind: Any = ScoreCAM
    said = r"got the class ScoreCAM: write ScoreCAM\(\), with any options in the brackets"
    with pytest.raises(MethodError, match=said):
        explainer.explain(samples[0], kind)
    with pytest.raises(MethodError, match=said):
        explainer.explain(samples[0], kind, preset="official")
    other: Any = int
    with pytest.raises(MethodError, match="expected a method's name, or one as an object, got <cl"):
        explainer.explain(samples[0], other)


def test_explain_shows_and_writes_the_registrys_name(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    found = explainer.explain(samples[0], "Grad_CAM++", preset="GradCAM")
    assert spec_of(found.method) == "grad-cam++:preset=grad-cam"
    command = [sys.executable, "-m", "camruntime", "explain", str(inspector), str(samples[0])]
    command += ["--method", "GradCAM,ScoreCAM:preset=Official", "--provider", "cpu"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    stem, specs = samples[0].stem, ("grad-cam", "score-cam:preset=official")
    written = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert {name: one["method"] for name, one in written.items()} == {
        f"{stem}.{spec.replace(':', '_').replace('=', '_')}.json": spec for spec in specs
    }


def test_a_method_is_measured_once(inspector: Path, samples: list[Path], tmp_path: Path) -> None:
    """However often it is named: rows that stand there twice would narrow every interval."""
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    dataset = Dataset(name="d", kind="csv", samples=(Sample(name="a", image=samples[0]),))
    asked = "GradCAM,grad-cam,Random,EdgesOnly,cam"
    methods, _ = choose_methods(explainer, dataset, asked, "recipro-cam")
    assert [spec_of(one) for one in methods] == ["grad-cam", "cam"], "baselines come anyway"
    twice = [*methods, *methods]
    evaluation = Evaluation(explainer, dataset, twice, [make_metric("AverageDrop")], tmp_path)
    evaluation.run()
    assert [row.method for row in evaluation.journal.rows] == ["grad-cam", "cam"]
    with pytest.raises(CamError, match="no method 'GradCAMM': did you mean grad-cam"):
        choose_methods(explainer, dataset, "GradCAMM", "recipro-cam")
