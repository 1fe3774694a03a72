"""How a contender's process answers what it is asked; shared by the `run_*.py` scripts.

Imports nothing but numpy: it also runs where neither camruntime nor torch is installed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np


def serve(turns: Mapping[str, Callable[..., object]]) -> None:
    """Run the turns that are asked for, until the questions end.

    A question is a line of JSON on standard input, `{"turn": [name, argument, ...], "save": path}`,
    an answer one on standard output: `{"seconds": of the turn alone, "peak": in bytes}`. What the
    turn returns is saved as `.npy` where the path is not null.
    """
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # what a library prints is no answer
        for line in sys.stdin:
            question = json.loads(line)
            name, *arguments = question["turn"]
            start = time.perf_counter()
            result = turns[name](*arguments)
            answer = {"seconds": time.perf_counter() - start, "peak": _peak()}
            if question["save"] is not None:
                np.save(question["save"], np.asarray(result, np.float32))
            print(json.dumps(answer), file=answers, flush=True)


def _peak() -> int:
    """Peak memory of this process in bytes, since it was started.

    Not `getrusage`: what that says of a process begins with the peak of the one that started it.
    """
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024
