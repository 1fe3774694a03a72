"""What papers say of the order of methods, held against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camruntime.evaluation import Estimate, mean_over_samples
from camruntime.methods import make_method, spec_of
from results.reading import rows_of, summary_of
from results.runs import Run


@dataclass(frozen=True)
class Claim:
    """What a paper's tables say: in `metric`, `better` is above `worse`."""

    paper: str
    metric: str
    better: str
    worse: str


CLAIMS = (
    Claim("Recipro-CAM", "adcc", "recipro-cam", "score-cam"),
    Claim("Recipro-CAM", "adcc", "score-cam", "grad-cam"),
    Claim("Recipro-CAM", "adcc", "grad-cam", "grad-cam++"),
    Claim("Decom-CAM", "insertion", "decom-cam", "grad-cam"),
    Claim("Decom-CAM", "insertion", "decom-cam", "grad-cam++"),
    Claim("Decom-CAM", "insertion", "decom-cam", "score-cam"),
    Claim("Decom-CAM", "pointing-game", "decom-cam", "grad-cam++"),
    Claim("Decom-CAM", "pointing-game", "grad-cam++", "grad-cam"),
    Claim("Decom-CAM", "pointing-game", "grad-cam", "score-cam"),
    Claim("Feature CAM", "confidence", "ours-3", "grad-cam"),
    Claim("Feature CAM", "right-classification", "ours-3", "grad-cam"),
)


def claims(done: list[Run], folder: Path) -> list[str]:
    """Every claim on every evaluation that measured it: the mean difference, sample by sample."""
    lines = [
        "## The papers' order of methods",
        "",
        "Mean difference, sample by sample, with its 95 percent interval, in points of the metric: "
        "`agrees` or `disagrees` where the interval leaves out zero.",
        "",
        "| paper | claim | data | difference | |",
        "|---|---|---|---|---|",
    ]
    for claim in CLAIMS:
        for run in done:
            found = difference(claim, folder / run.name)
            if found is not None:
                verdict = "agrees" if found.low > 0 else "disagrees" if found.high < 0 else "open"
                lines.append(
                    f"| {claim.paper} | {claim.metric}: {claim.better} above {claim.worse} | "
                    f"{run.title} | {found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f}) | "
                    f"{verdict} |"
                )
    return [*lines, ""]


def difference(claim: Claim, folder: Path) -> Estimate | None:
    complete = {method["method"] for method in summary_of(folder)["methods"]}
    values: dict[str, dict[str, float]] = {}
    for row in rows_of(folder):
        for spec, value in row["values"].items():
            known = row["method"] in complete and value is not None
            if spec.partition(":shape")[0] == claim.metric and known:
                values.setdefault(row["method"], {})[row["sample"]] = value
    specs = (spec_of(make_method(name)) for name in (claim.better, claim.worse))
    one, other = (values.get(spec, {}) for spec in specs)
    common = sorted(one.keys() & other.keys())
    if not common:
        return None
    return mean_over_samples(np.array([one[name] - other[name] for name in common]))
