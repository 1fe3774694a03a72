"""The matrix of backbones: build each with random weights, compare with PyTorch, write the table.

    python benchmarks/matrix.py [--models resnet18 timm:resnet18] [--limit 600]

Every network runs in a process of its own with a time limit in seconds. Results are appended to
`docs/backbones.jsonl`, and a network that is in it is not measured again: an interrupted run goes
on where it was. `docs/backbones.md` is written from it at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import timm
from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "parity"))

from backbones import Row, measure  # noqa: E402 - where the matrix test has it too

RESULTS = ROOT / "docs" / "backbones.jsonl"
TABLE = ROOT / "docs" / "backbones.md"
SIDE = 128
"""Of the input, where a network takes any: its graphs are the same at every size."""

DEEP = ("inception", "xception", "nasnet", "vit_", "swin_", "maxvit_", "bat_", "halonet")
"""Networks that 128 pixels are too few for, or that need a multiple of some window."""

MODELS = (ROOT / "benchmarks" / "backbones.txt").read_text(encoding="utf-8").split()

console = Console()


def one(model: str) -> dict[str, Any]:
    """Measure in this process."""
    config = timm.get_pretrained_cfg(model.removeprefix("timm:"))
    fixed = config is not None and config.fixed_input_size
    side = None if fixed or any(word in model for word in DEEP) else SIDE
    with tempfile.TemporaryDirectory() as folder:
        return dataclasses.asdict(measure(model, side, Path(folder)))


def apart(model: str, limit: float) -> dict[str, Any]:
    """Measure in a process of its own; what went wrong is a result too."""
    command = [sys.executable, "-W", "ignore", __file__, "--one", model]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"model": model, "error": f"not done after {limit:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
    return {"model": model, "error": last[0]}


def known() -> dict[str, dict[str, Any]]:
    """Results so far, by model; the last one counts."""
    if not RESULTS.is_file():
        return {}
    rows = map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines())
    return {row["model"]: row for row in rows}


def table(results: dict[str, dict[str, Any]]) -> str:
    """`docs/backbones.md`."""
    rows = [results[model] for model in MODELS if model in results]
    good = [Row(**row) for row in rows if "error" not in row]
    lines = [
        "# Backbones",
        "",
        f"Written by `python benchmarks/matrix.py`: {len(good)} of {len(rows)} networks build "
        f"with seeded random weights and no option but `--size`, and the maps of "
        f"{sum(row.agrees and row.conclusive for row in good)} agree with PyTorch's: within 1e-4, "
        "or four times what PyTorch's own float32 is off (marked `!` where not; `~` where that is "
        "more than 1 percent, as random weights make such a network answer almost the same "
        "everywhere, and only head, tail and gradient are compared). `timm:` "
        "names are timm's where torchvision has the same name. Differences are relative to the "
        "range (the gradient's: to its norm) of what PyTorch computes in float64; in brackets "
        "those of PyTorch's own float32. Recipro-CAM in four cells, logits; Grad-CAM's raw map of "
        "the two leading classes (`-`: its ReLU leaves nothing).",
        "",
        "| model | input | default layer | activations | MB | head and tail | gradient | "
        "Recipro-CAM | Grad-CAM |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, good),
        "",
    ]
    bad = [row for row in rows if "error" in row]
    if bad:
        lines += ["## Not supported", "", "| model | what camexport says |", "|---|---|"]
        lines += [f"| {row['model']} | {str(row['error']).replace('|', '/')} |" for row in bad]
        lines.append("")
    return "\n".join(lines)


def _line(row: Row) -> str:
    def pair(name: str) -> str:
        value = getattr(row, name)
        return "-" if value is None else f"{value:.0e} ({getattr(row, f'{name}_float32'):.0e})"

    cells = [
        f"{row.model}{'' if row.conclusive else ' ~'}{'' if row.agrees else ' !'}",
        f"{row.size[0]}x{row.size[1]}",
        f"`{row.layer}`",
        row.activations,
        f"{row.megabytes:.0f}",
        f"{row.forward:.0e}",
        pair("gradient"),
        pair("recipro"),
        pair("grad_cam"),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--limit", type=float, default=600)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one)))
        return
    results = known()
    for index, model in enumerate(arguments.models):
        if model not in results:
            found = apart(model, arguments.limit)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + os.linesep)
        results = known()
        shown = results[model].get("error") or f"{results[model]['seconds']:.0f} s"
        console.print(f"{index + 1}/{len(arguments.models)} {model}: {shown}", markup=False)
    TABLE.write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
