"""`camruntime explain --regions`, as a user would call it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import cli
from camruntime.good_parts import calibrate, plan
from camruntime.regions import decode_rle
from conftest import INSPECTOR
from good_parts import brushed, scratched, write_parts

METHOD = "recipro-cam:score=logit"


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of twenty good parts: as many as alpha 0.05 takes."""
    work = tmp_path_factory.mktemp("calibration")
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    parts = write_parts(work / "good", range(20))
    found = calibrate(explainer, parts, plan(explainer, (METHOD,), None, 0.05), work / "unfinished")
    found.write(work / "inspector.calibration.json")
    return work / "inspector.calibration.json"


def _explain(*arguments: object) -> tuple[int, list[str], str]:
    """The status, what is said, and the error; in this process."""
    said, wrong = io.StringIO(), io.StringIO()
    asked = ["explain", str(INSPECTOR), *map(str, arguments), "--provider", "cpu"]
    command = [sys.executable, "-m", "camruntime", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
