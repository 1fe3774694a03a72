"""docs/results.md: tables of evaluations, claims, and what is not measured yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camruntime.methods import make_method, spec_of
from results import reversals
from results.claims import claims
from results.reading import summary_of
from results.runs import ROOT, Run

PAGE = ROOT / "docs" / "results.md"


def write_page(every: list[Run], folder: Path) -> None:
    done = [run for run in every if (folder / run.name / "summary.json").is_file()]
    open_still = [text for run in every if (text := unfinished(run, folder))]
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/results`. Means with 95 percent bootstrap intervals; in "
        "percent all but the cost, which is in forward passes (copies of activations, as "
        "Recipro-CAM's, not counted) and in seconds, for orientation: measured on two cores that "
        "had other work too; ratios measured side by side are in "
        "[benchmarks/README.md](../benchmarks/README.md). † is no better than the centre Gaussian, "
        "sample by sample. Rows in italics are baselines that ask no network. Insertion and "
        "deletion are means over four seeded orders of equally salient pixels; ROAD, where a pixel "
        "is guessed from its neighbours, takes one.",
        "",
        *([f"Not measured yet: {'; '.join(open_still)}.", ""] if open_still else []),
        *claims(done, folder),
        *reversals.section({run.title: folder / run.name for run in done}),
    ]
    for run in done:
        lines += section(run, folder)
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def section(run: Run, folder: Path) -> list[str]:
    """A table of one evaluation: mean and interval."""
    summary = summary_of(folder / run.name)
    arrows = {"higher": "↑", "lower": "↓", "neither": ""}
    metrics = {
        name: f"{info['title']} {arrows[info['better']]}"
        for name, info in summary["metrics"].items()
    }
    known = f", accuracy {100 * summary['accuracy']:.0f} %" if summary["accuracy"] else ""
    lines = [
        f"## {run.title}",
        "",
        f"{summary['samples']} samples{known}, mean probability of the explained class "
        f"{100 * summary['probability']:.0f} %, target layer `{summary['layer']}`.",
        "",
        f"| method | {' | '.join(metrics.values())} | passes | s |",
        "|---" * (len(metrics) + 3) + "|",
    ]
    for method in summary["methods"]:
        cells = [_cell(method, name) for name in metrics]
        cost = f"{method['passes']:.0f} | {method['seconds']:.3f}"
        name = f"*{method['method']}*" if method["baseline"] else f"`{method['method']}`"
        lines.append(f"| {name} | {' | '.join(cells)} | {cost} |")
    return [*lines, ""]


def _cell(method: dict[str, Any], name: str) -> str:
    if name not in method["metrics"]:
        return "-"
    found = method["metrics"][name]
    mark = " †" if name in method["no_better_than_centre"] else ""
    return f"{found['mean']:.1f} ({found['low']:.1f} to {found['high']:.1f}){mark}"


def unfinished(run: Run, folder: Path) -> str | None:
    """What of an evaluation has not been measured yet."""
    if not (folder / run.name / "summary.json").is_file():
        return run.title
    found = {method["method"] for method in summary_of(folder / run.name)["methods"]}
    wanted = run.options[1].split(",")
    missing = [name for name in wanted if spec_of(make_method(name)) not in found]
    return f"{run.title} ({', '.join(missing)})" if missing else None
