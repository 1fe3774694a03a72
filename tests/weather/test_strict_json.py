"""All JSON of ours is JSON: a reader that knows no NaN and no infinity takes it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from typer.testing import CliRunner

from camruntime._strict_json import json_bytes, parse_json
from camruntime.cli import explain
from camruntime.cli.app import app
from camruntime.datasets import Dataset
from camruntime.evaluation import write_summary
from camruntime.journal import JOURNAL
from camruntime.maps import Approximation
from camruntime.methods import _known_channels
from evaluations import INSPECTOR, evaluation, explainer, pictures

SAMPLE = INSPECTOR / "samples" / "crack-1.png"


def _strict(content: bytes) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(content.decode(), parse_constant=refuse)


@pytest.mark.parametrize(
    "spec", ["anytime-score-cam:share=0.2", "decom-cam:components=2", "recipro-cam", "uniform"]
)
def test_explanations(tmp_path: Path, spec: str) -> None:
    found = explainer().explain(SAMPLE, spec)
    wild = dataclasses.replace(found, raw=np.full((2, 2), np.nan, np.float32))
    for one in (found, wild):
        _, _, figures = one.save(tmp_path, "one")
        written = _strict(figures.read_bytes())
        assert written == json.loads(json.dumps(one.figures(), allow_nan=False))
    assert written["raw"] == {"shape": [2, 2], "min": None, "max": None}
    if spec.startswith("anytime"):
        assert written["options"]["milliseconds"] is None
        assert written["options"]["share"] == 0.2


def test_evaluations(tmp_path: Path) -> None:
    done = evaluation(pictures(tmp_path / "data"), tmp_path / "out")
    summary = done.run()
    write_summary(tmp_path / "summary.json", dataclasses.replace(summary, probability=float("nan")))
    assert _strict((tmp_path / "summary.json").read_bytes())["probability"] is None
    assert len(list(map(_strict, (tmp_path / "out" / JOURNAL).read_bytes().splitlines()))) == 9
    assert isinstance(done.dataset, Dataset)


def test_numpy_and_names_of_no_encoding() -> None:
    value = {"a": np.float32(0.5), "b": np.int64(3), "c": [np.inf, (np.nan,)], "d": "caf\udce9"}
    assert json_bytes(value) == b'{"a": 0.5, "b": 3, "c": [null, [null]], "d": "caf\\udce9"}'
    assert parse_json(json_bytes(value)) == {
        "a": 0.5,
        "b": 3,
        "c": [None, [None]],
        "d": "caf\udce9",
    }


@pytest.mark.parametrize(
    ("estimate", "bound", "wanted", "said"),
    [
        (0.9981, 0.4684, "", "estimated at 0.998, bounded by 0.468"),
        (0.0, -1.0, "", "estimated at 0.000, with no bound yet"),
        (0.5, -1.0, ":certificate=0.98:share=0.05", "nothing certified (0.98 was wanted)"),
    ],
)
def test_what_is_told_of_an_approximation(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    estimate: float,
    bound: float,
    wanted: str,
    said: str,
) -> None:
    near = Approximation(10, 96, estimate, bound)
    monkeypatch.setattr(_known_channels.Known, "nearness", lambda self: (near,))
    method = f"anytime-score-cam{wanted}"
    arguments = ("explain", INSPECTOR, SAMPLE, "--method", method, "--out", tmp_path)
    done = CliRunner().invoke(app, [*map(str, arguments), "--provider", "cpu"])
    assert done.exit_code == 0, done.output
    assert "10 of 96 channels, correlation with the exact map estimated" in done.output
    assert f"{said}\n" in done.output


def test_what_is_told_of_a_certificate() -> None:
    assert explain._certified(None, 0) == ""
    assert explain._certified(0.9812, 0.98) == ", certified at 0.981 (95 percent confidence)"
    said = ", certified at 0.953 (95 percent confidence; 0.98 was wanted)"
    assert explain._certified(0.953, 0.98) == said
    assert explain._certified(-1.0, 0.9) == ", nothing certified (0.9 was wanted)"
