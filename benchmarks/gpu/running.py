"""Parts one after the other, each in a process; those that are done are left alone."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

from gpu.journal import Left, Result, read_result, write_result
from gpu.parts import seconds_of
from gpu.setting import Setting

GRACE = 30
"""Seconds that what has begun may take after its part's time, imports included."""

BENCHMARKS = Path(__file__).parents[1]


def run_part(setting: Setting, name: str, again: bool) -> tuple[Result, bool]:
    """What a part found, now or in a run before, and whether it was now."""
    known = read_result(setting.folder, name)
    if known is not None and known.status == "done" and not again:
        return known, False
    write_result(setting.folder, name, Result("running", 0.0))
    start = time.perf_counter()
    said = _run(setting, name)
    found = read_result(setting.folder, name)
    assert found is not None
    found = dataclasses.replace(found, seconds=round(time.perf_counter() - start, 1))
    if said is not None:
        left = (*found.left, Left(f"the rest of {name}", said, failed=True))
        found = dataclasses.replace(found, status="failed", left=left)
    write_result(setting.folder, name, found)
    return found, True


def _run(setting: Setting, name: str) -> str | None:
    """Runs a part; what went wrong with its process, in one line."""
    places = [str(BENCHMARKS), str(BENCHMARKS / "speed"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    command = [sys.executable, "-m", "gpu.part_process", setting.out, name]
    limit = seconds_of(setting, name) + GRACE
    with (setting.folder / f"{name}.log").open("w", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                command, env=environment, stdout=log, stderr=log, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {limit:g} s; {log.name} may say more"
    return _ending(done.returncode, Path(log.name))


def _ending(status: int, log: Path) -> str | None:
    """How a process ended; None where all was well."""
    if status == 0:
        return None
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"the process ended with {status}: {lines[-1][:300] if lines else 'without a word'}"
