"""A contender's process, as the one that asks it sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from contenders import OPENVINO_XAI, Contender, Turn

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Setting:
    """What is the same for all contenders of a run.

    Attributes:
        threads: of every library.
        openvino_xai: the Python in whose environment OpenVINO XAI is installed, or None.
        environment: of every process.
        device: `cpu`, or where camruntime, pytorch-grad-cam and torch-cam compute: `cuda`.
    """

    threads: int
    openvino_xai: Path | None
    environment: dict[str, str]
    device: str = "cpu"

    def python(self, contender: Contender) -> str | None:
        """Which Python runs a contender; None where there is none."""
        if contender.library == OPENVINO_XAI:
            return None if self.openvino_xai is None else str(self.openvino_xai)
        return sys.executable


@dataclass(frozen=True)
class Answer:
    """Seconds of one turn, and the process's peak memory so far in bytes."""

    seconds: float
    peak: int


@dataclass(frozen=True)
class Worker:
    """A process that runs one contender's turns, and what it writes elsewhere than to us."""

    process: subprocess.Popen[str]
    log: IO[str]
    started: float

    def ask(self, turn: Turn, save: Path | None = None) -> Answer:
        """Run a turn; what it returns is saved as `.npy` at `save`.

        Raises:
            RuntimeError: the process ended; with the last lines that it wrote.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        question = {"turn": turn, "save": None if save is None else str(save)}
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.log.seek(0)
            said = "".join(self.log.readlines()[-15:])
            raise RuntimeError(f"{self.process.args!r} ended at {turn}:\n{said}")
        return Answer(**json.loads(line))

    def age(self) -> float:
        """Seconds since the process was started."""
        return time.perf_counter() - self.started


@contextmanager
def working(contender: Contender, folder: Path, setting: Setting) -> Iterator[Worker]:
    """Start a contender on the subject in `folder`; it ends with the block."""
    command = [str(setting.python(contender)), str(HERE / contender.script)]
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(
            [*command, str(folder), str(setting.threads), setting.device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=setting.environment,
            text=True,
        ) as process,
    ):
        yield Worker(process, log, started)
