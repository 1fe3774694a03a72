"""Feed a reader with damaged files until something other than our own errors comes out.

    python benchmarks/fuzz.py TARGET --runs 100000 --seed 1

Under atheris (extra `fuzz`, for Linux), which keeps every input that
reaches new code; where it is not installed, seeded changes of the files in `fuzz_corpus/TARGET`,
which are small and of what once went wrong. Ends with status 1 when anything but a `CamError` is
raised, an input takes more than `--timeout` seconds, or the process more than `--memory` MB; the
input is then kept in `build/fuzz/`. `python benchmarks/fuzz.py TARGET --input FILE` tries it again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain, count
from pathlib import Path
from typing import Any, NoReturn

CORPUS = Path(__file__).parent / "fuzz_corpus"
FOUND = Path("build/fuzz")
LONGEST = 16_384  # bytes of an input
ADDRESSES = 4  # times the memory that may be used: what is only reserved counts, too
PIECES = (b"\0", b"\xff", b"-1", b"1e999", b"NaN", b"9" * 400, b"[" * 64, b'"', b"\n", b"\xc3")


class Runs:
    """Counts executions; ends the process after the last one, or the first that falls.

    libFuzzer's loop does not come back, so nothing can be said after it.
    """

    def __init__(
        self, name: str, target: Callable[[bytes], None], allowed: type, runs: int
    ) -> None:
        self._name, self._target, self._allowed = name, target, allowed
        self._runs, self._done, self._began = runs, 0, time.perf_counter()

    def __call__(self, data: bytes) -> None:
        """One execution."""
        try:
            self._target(data)
        except Exception as error:
            if not isinstance(error, self._allowed):
                self._fall(data)
        self._done += 1
        if self._done == self._runs:
            self._end(0)

    def _fall(self, data: bytes) -> NoReturn:
        traceback.print_exc(file=sys.stdout)
        FOUND.mkdir(parents=True, exist_ok=True)
        file = FOUND / f"{self._name}-{hashlib.sha256(data).hexdigest()[:12]}"
        file.write_bytes(data)
        print(f"kept as {file}")
        self._end(1)

    def _end(self, status: int) -> NoReturn:
        from fuzz_targets import HERE

        seconds = time.perf_counter() - self._began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{self._name}: {self._done} executions in {seconds:.0f} s, "
            f"{self._done / seconds:.0f} a second, peak {peak:.0f} MB"
        )
        sys.stdout.flush()
        shutil.rmtree(HERE, ignore_errors=True)
        os._exit(status)


def changed(seeds: list[bytes], rng: random.Random) -> bytes:
    """One of `seeds` with up to eight changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.choice((0, 1, 4, 32)))
        other = rng.choice(seeds)
        cut = rng.randint(0, len(other))
        data[start:end] = rng.choice(
            (
                rng.choice(PIECES),
                rng.randbytes(end - start),
                data[start:end] * 2,
                other[cut : cut + 64],
                b"",
            )
        )
    return bytes(data[:LONGEST])


def with_atheris(atheris: Any, run: Runs, options: argparse.Namespace) -> None:
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        arguments = [
            *(sys.argv[0], kept, str(CORPUS / options.target), f"-seed={options.seed}"),
            *(f"-max_len={LONGEST}", f"-timeout={options.timeout}", "-close_fd_mask=2"),
            *(f"-rss_limit_mb={options.memory}", f"-artifact_prefix={FOUND / options.target}-"),
            "-verbosity=0",
        ]
        atheris.Setup(arguments, run)
        atheris.Fuzz()


def without_atheris(run: Runs, options: argparse.Namespace) -> None:
    print("atheris is not installed: seeded changes, which look at no code", flush=True)
    seeds = [file.read_bytes() for file in sorted((CORPUS / options.target).iterdir())]
    rng = random.Random(options.seed)

    def late(*_: object) -> NoReturn:
        raise TimeoutError(f"more than {options.timeout} seconds")

    signal.signal(signal.SIGALRM, late)
    for data in chain(seeds, (changed(seeds, rng) for _ in count())):
        signal.alarm(options.timeout)
        run(data)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=sorted(one.name for one in CORPUS.iterdir()))
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=10, help="seconds for an input")
    parser.add_argument("--memory", type=int, default=1024, help="MB of the process")
    parser.add_argument("--input", type=Path, help="try one file")
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        atheris = None
    with atheris.instrument_imports(["camruntime"]) if atheris else nullcontext():
        from fuzz_targets import TARGETS

        from camruntime.errors import CamError
    addresses = ADDRESSES * options.memory * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    runs = 1 if options.input else options.runs
    run = Runs(options.target, TARGETS[options.target], CamError, runs)
    if options.input:
        run(options.input.read_bytes())
    if atheris:
        with_atheris(atheris, run, options)
    else:
        without_atheris(run, options)


if __name__ == "__main__":
    main()
