"""What an engine tells of its runs, and `camruntime bench` over it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from camruntime.bench import first_map
from camruntime.bundle import open_bundle
from camruntime.cli.bench import peak_memory
from camruntime.engine import Engine, GraphRun, Instruments
from camruntime.errors import CamError
from camruntime.explainer import Explainer


def test_an_engine_tells_each_run_in_order(inspector: Path, samples: list[Path]) -> None:
    runs: list[GraphRun] = []
    bundle = open_bundle(inspector)
    engine = Engine(bundle, ["cpu"], threads=1, instruments=Instruments(observer=runs.append))
    begin = time.perf_counter()
    watched = Explainer(engine, 5).explain(samples[0], "decom-cam:components=6")
    end = time.perf_counter()
    # Six local maps and the whole image, five at once; the gradient of one target.
    perturbed = [(graph, rows) for rows in (5, 2) for graph in ("occlude_images", "head", "tail")]
    assert [(run.graph, run.rows) for run in runs] == [
        *(("head", 1), ("tail", 1), ("gradient", 1)),
        *perturbed,
    ]
    times = [begin, *(moment for run in runs for moment in (run.begin, run.end)), end]
    assert times == sorted(times)
    plain = Explainer(Engine(bundle, ["cpu"], threads=1), 5)
    np.testing.assert_array_equal(
        watched.raw, plain.explain(samples[0], "decom-cam:components=6").raw
    )


def test_profiles_are_written_by_session(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    bundle = open_bundle(inspector)
    engine = Engine(bundle, ["cpu"], threads=1, instruments=Instruments(profile=tmp_path))
    Explainer(engine).explain(samples[0], "grad-cam")
    files = engine.end_profiling()
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert sorted(file.name.partition("_")[0] for file in files) == ["gradient", "head", "tail"]
    for file in files:
        assert any(event["name"] == "model_run" for event in json.loads(file.read_text()))


def _bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camruntime", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_bench_of_a_drawn_picture(inspector: Path, tmp_path: Path) -> None:
    done = _bench(
        inspector, "--method", "score-cam", "--provider", "cpu", "--threads", 1, "--chunk", 40,
        "--repeat", 2, "--profile", tmp_path / "profiles",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"│ (.+?) +│ +([\d.]+) │ +([\d.]+)% │ +(\d*) │ (.*?) *│", done.stdout)
    seconds = {name: float(value) for name, value, *_ in rows}
    assert [*seconds] == [
        *("decode, preprocess", "head", "mask_images", "tail", "rest (numpy)", "all"),
    ]
    whole = seconds.pop("all")
    assert sum(seconds.values()) == pytest.approx(whole, abs=5e-5 * len(seconds))
    runs = {name: (count, words) for name, _, _, count, words in rows}
    assert runs["head"][1].startswith("1 x 1, ")
    assert runs["mask_images"][1].split(",")[0].endswith(" x 40")
    said = done.stdout
    ratio = re.search(r"plain forward pass: ([\d.]+) s; the explanation is ([\d.]+) of them", said)
    assert ratio is not None
    seen = float(ratio[1])  # half a millisecond, in tenths of one
    assert whole / (seen + 5e-5) - 0.1 < float(ratio[2]) < whole / (seen - 5e-5) + 0.1
    assert re.search(r"first map of a fresh process: \d+\.\d\d s, of which import", said)
    assert re.search(r"peak resident memory: (\d+ MiB|not available)", said)
    assert "on CPUExecutionProvider, threads 1, chunk 40, inspector" in said
    for file in (tmp_path / "profiles").iterdir():
        assert str(file) in said
    assert len([*(tmp_path / "profiles").iterdir()]) == 3


def test_bench_of_a_photograph_and_a_class(inspector: Path, samples: list[Path]) -> None:
    done = _bench(inspector, samples[0], "--target", "hole", "--provider", "cpu", "--repeat", 1)
    assert done.returncode == 0, done.stderr
    assert "recipro-cam: the median of 1 explanations" in done.stdout
    assert "chunk by provider" in done.stdout


def test_a_profile_that_cannot_be_written_is_an_error(inspector: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _bench(inspector, "--profile", tmp_path / "file", "--provider", "cpu", "--repeat", 1)
    assert done.returncode == 1
    assert re.match(r"error: cannot make .*file.*name another --profile", done.stderr)


def test_a_fresh_process_is_timed_from_its_start(inspector: Path, samples: list[Path]) -> None:
    begin = time.time()
    found = first_map(inspector, samples[0], "recipro-cam", [("cpu", {})], {"threads": 1})
    outside = time.time() - begin
    parts = found.imported + found.loaded + found.explained
    assert 0 < parts < found.whole < outside


def test_a_fresh_process_that_fails_says_why(inspector: Path, tmp_path: Path) -> None:
    with pytest.raises(CamError, match=r"could not explain.*ImageError: cannot read"):
        first_map(inspector, tmp_path / "none.png", "recipro-cam", ["cpu"])


def test_peak_memory_is_at_least_what_is_held() -> None:
    before = peak_memory()
    if before is None:
        pytest.skip("this system does not count it")
    held = np.ones(40_000_000)
    after = peak_memory()
    assert after is not None
    assert max(before, held.nbytes) <= after < 2**40, "bytes, whatever the system counts in"
