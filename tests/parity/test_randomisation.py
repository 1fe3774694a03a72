"""The model randomisation check, from a trained bundle to the table that people see."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import camruntime
from camexport.randomise import RandomiseOptions, randomise_bundle
from camruntime.cli.app import app
from camruntime.evaluation import compare_stages
from camruntime.methods import make_method

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
SAMPLES = sorted((INSPECTOR / "samples").glob("*.png"))


@pytest.fixture(scope="module")
def randomised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sanity") / "randomised"
    randomise_bundle(RandomiseOptions(bundle=INSPECTOR, out=out, stages=2))
    return out


def test_grad_cam_follows_the_network_and_edges_do_not(randomised: Path) -> None:
    check = compare_stages(
        camruntime.load(INSPECTOR, ["cpu"]),
        [partial(camruntime.load, randomised / name, ["cpu"]) for name in ("1", "2")],
        SAMPLES,
        [make_method("grad-cam"), make_method("edges")],
    )
    cam, drawn = check.methods
    assert abs(cam.stages[-1].rank) < 0.3
    assert cam.stages[-1].structure < 0.8
    assert cam.stages[-1].flat < len(SAMPLES)
    for stage in drawn.stages:
        assert stage.rank == pytest.approx(1)
        assert stage.structure == pytest.approx(1)
    assert check.stages == ("features.10", "features.0")
    assert [one.method for one in check.unmoved()] == ["edges"]


def test_the_command_names_what_does_not_depend_on_the_network(
    randomised: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "check.json"
    command = ["sanity", str(INSPECTOR), str(randomised), *map(str, SAMPLES[:3])]
    command += ["--method", "recipro-cam,edges", "--provider", "cpu", "--threads", "1"]
    ran = CliRunner().invoke(app, [*command, "--chunk", "64", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "1: features.10" in ran.output
    assert "2: features.0" in ran.output
    assert ran.output.count("1.00 / 1.00") == 2
    *_, first, second, last = ran.output.splitlines()
    assert first.startswith("recipro-cam depends on what the network learned")
    assert second.startswith("edges does not depend on what the network learned")
    assert last == (
        "In short: recipro-cam depends on what the network learned; edges does not depend on what "
        "it learned, so do not trust it here."
    )
    found = json.loads(out.read_text())
    assert found["images"] == 3
    assert found["methods"][1]["verdict"] == second
    assert found["stages"] == ["features.10", "features.0"]
    assert found["methods"][1]["stages"][1]["rank"] == pytest.approx(1)
