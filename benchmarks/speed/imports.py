"""What importing costs, in fresh processes."""

from __future__ import annotations

import subprocess
from statistics import median

from contenders import Contender
from worker import Setting

LAZY = "import camruntime"
"""Loads ONNX Runtime only when `camruntime.load` is first used, so it is timed beside the rest."""

_TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def import_times(contenders: list[Contender], setting: Setting, repeat: int) -> dict[str, float]:
    """Seconds of every import statement, the median of processes started in turn."""
    pythons = {one.imports: str(setting.python(one)) for one in contenders}
    pythons[LAZY] = pythons[contenders[0].imports]
    times: dict[str, list[float]] = {statement: [] for statement in pythons}
    for _ in range(repeat + 1):
        for statement, python in pythons.items():
            times[statement].append(_seconds(statement, python, setting))
    return {statement: median(values[1:]) for statement, values in times.items()}  # once from disk


def _seconds(statement: str, python: str, setting: Setting) -> float:
    command = [python, "-c", _TIMED.format(statement)]
    done = subprocess.run(
        command, env=setting.environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])
