"""Measure camruntime on a GPU, part by part, in at most 8 minutes on one H200.

    python benchmarks/gpu [--device cuda|webgpu|cpu] [--small] [--parts PART ...]
        [--out FOLDER] [--again] [--threads 2]

Every part is a process and a file in `--out`, so a run that was cut goes on where it was: parts
that are done are skipped, unless `--again`. What the device or the environment has not is left out
with the reason; what fails is said, the other parts go on, and the exit status is 1. `--small` is
a test of the command, on any machine. Columns: `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from gpu.journal import Result, read_result
from gpu.parts import PARTS
from gpu.running import run_part
from gpu.setting import DEVICES, Setting
from gpu.tables import sheets, write_tables

console = Console(width=None if sys.stdout.isatty() else 140)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=DEVICES, default="cuda")
    parser.add_argument("--small", action="store_true", help="a test of the command")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART")
    parser.add_argument("--out", type=Path, help="results; build/gpu/DEVICE or DEVICE-small")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def setting_of(given: argparse.Namespace) -> Setting:
    """The run's, written into its folder.

    Raises:
        SystemExit: the folder holds results of another one.
    """
    usual = Path("build/gpu") / f"{given.device}{'-small' * given.small}"
    out = (given.out or usual).resolve()
    out.mkdir(parents=True, exist_ok=True)
    asked = Setting(device=given.device, small=given.small, threads=given.threads, out=str(out))
    known = Setting.read(out)
    if known not in (None, asked):
        raise SystemExit(f"{out} holds results of {known}, not of {asked}: name another --out")
    asked.write()
    return asked


def main() -> None:
    given = arguments()
    setting = setting_of(given)
    for name in (part for part in PARTS if part in given.parts):
        result, now = run_part(setting, name, given.again)
        how = f"{result.status}, {result.seconds:.0f} s" if now else "there already"
        console.print(f"{name}: {how}", highlight=False)
    found: dict[str, Result] = {}
    for name in PARTS:  # those of runs before, too
        known = read_result(setting.folder, name)
        if known is not None:
            found[name] = known
    console.print(*(one.rich() for one in sheets(setting, found)))
    console.print(f"written: {write_tables(setting, found)}", highlight=False, soft_wrap=True)
    raise SystemExit(any(found[name].status != "done" for name in given.parts))


if __name__ == "__main__":
    main()
