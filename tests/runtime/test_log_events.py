"""What the log `camruntime` says in production, and that the library prints nothing by itself."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime.engine import backend
from camruntime.engine.backend import find_backend
from camruntime.engine.memory import ChunkSizes
from camruntime.errors import DeviceMemoryError, ProviderError
from camruntime.provider_names import CPU, CUDA
from conftest import INSPECTOR
from recorded import CRACK, METHOD, calibrated


def _said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(one.levelname, one.getMessage()) for one in caplog.records]


def test_a_bundle_its_sessions_and_a_reload(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "camruntime"):
        explainer = camruntime.load(INSPECTOR, ["cpu"])
        explainer.explain(CRACK, "score-cam")
        explainer.explain(CRACK, "score-cam")
        explainer.reload()
    digest = explainer.bundle.manifest.digest
    what = f"bundle {digest} of inspector, layer features, float32, on {CPU}"
    levels, said = zip(*_said(caplog), strict=True)
    assert set(levels) == {"INFO"}
    assert said[0] == f"loaded {what}"
    assert said[-1] == f"reloaded, in the place of {digest[:12]}…: {what}"
    opened = [one.split(" ")[2] for one in said if one.startswith("session of ")]
    assert opened == ["head", "tail", "mask_images"] * 2
    assert all(one.endswith(" ms") for one in said[1:-1])


def test_a_calibration(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = calibrated(tmp_path)
    caplog.clear()
    with caplog.at_level(logging.INFO, "camruntime"):
        explainer = camruntime.load(INSPECTOR, ["cpu"], calibration=file)
    assert explainer.calibration is not None
    assert _said(caplog)[0] == (
        "INFO",
        f"calibration {explainer.calibration.digest} taken: alpha 0.05, 20 good parts, {METHOD}",
    )


def test_memory_that_ran_out(caplog: pytest.LogCaptureFixture) -> None:
    def compute(rows: np.ndarray) -> int:
        if len(rows) > 2:
            raise DeviceMemoryError("too many")
        return len(rows)

    with caplog.at_level(logging.INFO, "camruntime"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = ChunkSizes().map("masked images", compute, np.zeros((5, 1)), 8)
    assert made == [2, 2, 1]
    assert _said(caplog) == [
        ("INFO", "memory ran out for 5 masked images at once: trying 2"),
        ("WARNING", "memory ran out: from now on 2 masked images at once"),
    ]


def test_the_cpu_in_the_place_of_cuda(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def closed(wanted: object, device_id: int) -> object:
        if wanted == [(CPU, {})]:
            return wanted
        raise ProviderError("no card")

    monkeypatch.setattr(backend, "available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(backend, "_backend", closed)
    found: object = find_backend(None, 0, None, lambda opened: None)
    assert found == [(CPU, {})]
    assert _said(caplog) == [("WARNING", "CUDA does not open, computing on the CPU: no card")]


def test_the_library_prints_nothing_and_the_program_prints_warnings() -> None:
    """Python prints warnings where an application set up no log; ours says where they go."""
    code = (
        "import logging, sys, camruntime\n"
        "def program():\n"
        "    logging.getLogger('camruntime').warning('a %s', 'b\\x1b')\n"
        "    logging.getLogger('camruntime').info('quiet')\n"
        "    return lambda arguments, standalone_mode: 0\n"
        "program()\n"
        "assert [type(one).__name__ for one in logging.getLogger('camruntime').handlers] == "
        "['NullHandler']\n"
        "assert not logging.getLogger().handlers\n"
        "print('-', file=sys.stderr)\n"
        "from camruntime.ending import run\n"
        "run(program)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "-\nwarning: a b\\x1b\n"
