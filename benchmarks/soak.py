"""Months in minutes: many threads explain with one explainer, while its bundle is replaced.

    python benchmarks/soak.py --explanations 5000 --threads 8

Two bundles of the same network with different weights take turns under one name, by renaming, and
`Explainer.reload` takes what is there. Every explanation has to be, bit for bit, what a single
thread got from the bundle that its provenance names. After the first fifth, in which memory and
sessions warm up, neither memory nor open files may grow: the line through what was measured after
each reload may rise by 16 MB and by 2 files. Linux only; ends with status 1 where that fails.

What is freed has to go back to the system for that: glibc by itself keeps more and more of it, in
pieces, for each of eight threads, and levels off at 400 MB instead of 150.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import camruntime
from camruntime.bundle import MANIFEST, digest_file
from camruntime.bundle.sealing import SEAL, sealed

INSPECTOR = Path(__file__).parents[1] / "exported_models" / "inspector"
METHODS = ("recipro-cam", "grad-cam", "cam", "layer-cam", "recipro-cam", "score-cam")
WARM = 0.2
MEMORY, FILES = 16.0, 2.0  # MB, and how many
M_MMAP_THRESHOLD, BLOCK = -3, 65_536  # of glibc's mallopt: larger blocks go back at once

Wanted = dict[tuple[str, Path, str], bytes]


@dataclass(frozen=True)
class Soaked:
    """What came out.

    Attributes:
        weights: digests that explanations named, with how many did.
        wrong: explanations that were other ones than a single thread's.
        memory, files: `(reloads,)` MB in memory and open files, after each share.
        seconds: all of it.
    """

    weights: dict[str, int]
    wrong: int
    memory: NDArray[np.float64]
    files: NDArray[np.float64]
    seconds: float

    def passed(self, memory: float = MEMORY, files: float = FILES) -> bool:
        """Nothing was wrong, both bundles answered, and what is in use did not grow by more."""
        flat = grown(self.memory) < memory and grown(self.files) < files
        return not self.wrong and len(self.weights) == 2 and flat


def grown(measured: NDArray[np.float64]) -> float:
    """By how much the line through all after the first fifth rises."""
    rest = measured[int(WARM * len(measured)) :]
    return float(np.polyfit(np.arange(len(rest)), rest, 1)[0] * (len(rest) - 1))


def soak(folder: Path, explanations: int, threads: int, reloads: int) -> Soaked:
    """Explain with bundles in `folder`, which is empty; each reload has its share of the work."""
    path, other = two_bundles(folder)
    wanted = _by_one_thread(path) | _by_one_thread(other)
    asked = sorted({(photo, method) for _, photo, method in wanted})
    explainer = camruntime.load(path, ["cpu"], threads=1)

    def right(number: int) -> tuple[str, bool]:
        photo, method = asked[number % len(asked)]
        found = explainer.explain(photo, method)
        named = found.provenance.weights
        return named, found.raw.tobytes() == wanted[named, photo, method]

    for number in range(len(asked)):  # opens all sessions, which reloads open again from then on
        right(number)
    return _soaked(right, explanations, threads, reloads, lambda: _replace(path, other, explainer))


def _soaked(
    right: Callable[[int], tuple[str, bool]],
    explanations: int,
    threads: int,
    reloads: int,
    replace: Callable[[], None],
) -> Soaked:
    """In shares, each with a reload in its middle, and measured at its end, when nobody works."""
    began, memory, files = time.perf_counter(), [], []
    found: list[tuple[str, bool]] = []
    with ThreadPoolExecutor(threads) as pool:
        for share in np.array_split(np.arange(explanations), reloads):
            answers = [pool.submit(right, int(number)) for number in share]
            answers[len(answers) // 2].result()
            replace()
            found.extend(one.result() for one in answers)
            memory.append(_memory())
            files.append(len(list(Path("/proc/self/fd").iterdir())))
    named = [weights for weights, _ in found]
    return Soaked(
        weights={one: named.count(one) for one in set(named)},
        wrong=sum(not same for _, same in found),
        memory=np.array(memory, np.float64),
        files=np.array(files, np.float64),
        seconds=time.perf_counter() - began,
    )


def two_bundles(folder: Path) -> tuple[Path, Path]:
    """The inspector, and the same network with other weights, under digests that fit."""
    one, other = folder / "bundle", folder / "other"
    for path in (one, other):
        shutil.copytree(INSPECTOR, path, ignore=shutil.ignore_patterns("samples"))
    weights = other / "weights.bin"
    values = np.frombuffer(weights.read_bytes(), np.float32)
    weights.write_bytes((values[::-1] * np.float32(0.5)).tobytes())
    document = json.loads((other / MANIFEST).read_bytes())
    del document[SEAL]
    document["weights"]["sha256"] = document["source"]["digest"] = digest_file(weights)
    (other / MANIFEST).write_text(json.dumps(sealed(document)), encoding="utf-8")
    return one, other


def _by_one_thread(path: Path) -> Wanted:
    explainer = camruntime.load(path, ["cpu"], threads=1)
    found: Wanted = {}
    for photo, method in product(sorted((INSPECTOR / "samples").glob("*.png"))[:5], set(METHODS)):
        one = explainer.explain(photo, method)
        found[one.provenance.weights, photo, method] = one.raw.tobytes()
    return found


def _replace(path: Path, other: Path, explainer: camruntime.Explainer) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)
    explainer.reload()


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--explanations", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--reloads", type=int, default=200)
    options = parser.parse_args()
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, BLOCK)
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), options.explanations, options.threads, options.reloads)
    print(
        f"{options.explanations} explanations by {options.threads} threads in {found.seconds:.0f} s"
        f" with {options.reloads} reloads: {found.wrong} wrong, "
        f"{' and '.join(map(str, sorted(found.weights.values())))} of the two bundles"
    )
    for name, unit, one in (("memory", " MB", found.memory), ("open files", "", found.files)):
        rest = one[int(WARM * len(one)) :]
        print(
            f"{name} after the first fifth: {rest.min():.0f} to {rest.max():.0f}{unit}, "
            f"the line through it rises by {grown(one):+.2f}{unit}"
        )
    sys.exit(not found.passed())


if __name__ == "__main__":
    main()
