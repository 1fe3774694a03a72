"""Measure explanations on real pictures and on defects with exact masks; write docs/results.md.

    CAMEXPORT_DATA=FOLDER python benchmarks/results.py [--folder build/results] [--only inspector]
        [--samples 40]

FOLDER holds `classifiers/`, `imagenet_val/`, `coco/` and `magnetic_tile/`; without it only the
inspector is measured. Every evaluation is a run of `camruntime evaluate`, goes on where it was, and
takes some hours; the network of the tiles is trained before, by `examples/train_small.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reversals
from evidence.datasets import magnetic_tiles
from rich.console import Console

from camexport.inspector import LABELS
from camexport.inspector.surfaces import draw
from camruntime.evaluation import Estimate, mean_over_samples
from camruntime.methods import make_method, spec_of
from camruntime.pictures import encode_png

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
DEFECTS = 500
SEED = 6  # not one that training, samples or other benchmarks use
METHODS = (
    "recipro-cam,recipro-cam:mask=gaussian,grad-cam,grad-cam++,hires-cam,layer-cam,xgrad-cam,"
    "wgrad-cam,smooth-grad-cam++,integrated-grad-cam,decom-cam,feature-cam,ours-3,eigen-cam,"
    "eigen-grad-cam,group-cam,ablation-cam,score-cam++,anytime-score-cam,augment/grad-cam,"
    "evet/grad-cam,smooth:samples=16/grad-cam,sess:scales=4/grad-cam,sess:scales=4/recipro-cam"
)
EXPENSIVE = "score-cam"  # a pass for every channel, on all pictures as the others
COSTLY = "is-cam,rise,ss-cam,ss-cam:variant=2"
"""Ten to 35 passes for every channel, or 4,000: a minute or more a photograph. Small networks only.
"""
BASELINES = "insertion,insertion:baseline=mean,deletion,deletion:baseline=blur,road"
FAITHFULNESS = (
    "adcc,arcc,average-drop,increase-in-confidence,coherency,complexity,"
    f"{BASELINES},road-morf,road-lerf,insertion-deletion,right-classification,confidence"
)
LOCALISATION = "energy-pointing-game,pointing-game,pointing-game:tolerance=15,iou,complexity"
EXACT = f"energy-pointing-game:shape=mask,pointing-game:shape=mask,iou,adcc,arcc,{BASELINES}"

console = Console()


@dataclass(frozen=True)
class Run:
    """One evaluation: its folder's name, title, bundle, data set, and the command's options."""

    name: str
    title: str
    bundle: Path
    dataset: Path
    options: tuple[str, ...]


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


def runs(data: Path | None, folder: Path) -> list[Run]:
    inspector = ROOT / "exported_models" / "inspector"
    made = [
        Run(
            "inspector-defects",
            f"Inspector: {DEFECTS} generated defects with exact masks",
            inspector,
            folder / "defects",
            ("--methods", f"{METHODS},cam,{EXPENSIVE},{COSTLY}", "--metrics", EXACT),
        )
    ]
    networks = {"mobilenet_v2": ("MobileNetV2", ",cam"), "squeezenet1_0": ("SqueezeNet 1.0", "")}
    if data:
        made.append(
            Run(
                "tiles-defects",
                "Magnetic tiles: defects that the network was not trained with",
                folder / "evidence" / "tiles" / "fold-1" / "bundle",
                folder / "tiles",
                ("--methods", f"{METHODS},{EXPENSIVE},{COSTLY}", "--metrics", EXACT),
            )
        )
    for model, (title, more) in networks.items() if data else ():
        methods = ("--methods", f"{METHODS}{more},{EXPENSIVE}")
        meaning = ("--class-map", f"{data}/coco/imagenet_classes.json", "--within-top", "50")
        where, bundle = Path(str(data)), folder / f"{model}-bundle"
        made += [
            Run(
                f"{model}-imagenet",
                f"{title}: ImageNet validation pictures",
                bundle,
                where / "imagenet_val",
                (*methods, "--metrics", FAITHFULNESS),
            ),
            Run(
                f"{model}-coco",
                f"{title}: COCO pictures with boxes",
                bundle,
                where / "coco",
                (*methods, *meaning, "--metrics", LOCALISATION),
            ),
        ]
    return made


def prepare(run: Run, data: Path | None) -> None:
    """The bundle, and for the inspector the defects."""
    if run.name == "inspector-defects" and not run.dataset.is_dir():
        draw_defects(run.dataset)
    if run.name == "tiles-defects" and data and not run.dataset.is_dir():
        copy_tiles(data, run.dataset)
    if run.bundle.is_dir():
        return
    model = run.bundle.name.removesuffix("-bundle")
    own = {"mobilenet_v2": ("225", "0.5", "0.5"), "squeezenet1_0": ("227", None, None)}
    size, mean, std = own[model]
    command = ["camexport", "build", "--model", model, "--size", size, "--resize", "squash"]
    command += ["--mean", mean, "--std", std] if mean and std else []
    command += ["--weights", f"{data}/classifiers/{model}.pth", "--out", str(run.bundle)]
    command += ["--labels", f"{data}/classifiers/imagenet_labels.txt"]
    subprocess.run(command, check=True)


def draw_defects(folder: Path) -> None:
    """A folder per kind of defect, `N.png` beside `N_mask.png`."""
    rng = np.random.default_rng(SEED)
    for index in range(DEFECTS):
        surface = draw(rng, 1 + index % (len(LABELS) - 1))
        place = folder / LABELS[surface.label]
        place.mkdir(parents=True, exist_ok=True)
        mask = np.repeat(surface.mask[..., None], 3, axis=2).astype(np.uint8) * 255
        (place / f"{index:03d}.png").write_bytes(encode_png(surface.image))
        (place / f"{index:03d}_mask.png").write_bytes(encode_png(mask))


def copy_tiles(data: Path, folder: Path) -> None:
    """The defects that the first of three networks was not trained with, trained where missing."""
    for item in magnetic_tiles(data, folder.parent / "evidence").folds[0].shown:
        if isinstance(item.place, Path):
            place = folder / item.kind
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(item.picture, place / item.picture.name)
            shutil.copy(item.place, place / f"{item.picture.stem}_mask.png")


def section(run: Run, folder: Path) -> list[str]:
    """A table of one evaluation: mean and interval."""
    summary = json.loads((folder / run.name / "summary.json").read_text(encoding="utf-8"))
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
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    complete = {method["method"] for method in summary["methods"]}
    values: dict[str, dict[str, float]] = {}
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()[1:]:
        row = json.loads(line)
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


def unfinished(run: Run, folder: Path) -> str | None:
    """What of an evaluation has not been measured yet."""
    path = folder / run.name / "summary.json"
    if not path.is_file():
        return run.title
    summary = json.loads(path.read_text(encoding="utf-8"))
    found = {method["method"] for method in summary["methods"]}
    wanted = run.options[1].split(",")
    missing = [name for name in wanted if spec_of(make_method(name)) not in found]
    return f"{run.title} ({', '.join(missing)})" if missing else None


def write_page(every: list[Run], folder: Path) -> None:
    done = [run for run in every if (folder / run.name / "summary.json").is_file()]
    open_still = [text for run in every if (text := unfinished(run, folder))]
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/results.py`. Means with 95 percent bootstrap intervals; in "
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "results")
    parser.add_argument("--only", help="Evaluations whose name contains this.")
    parser.add_argument("--samples", type=int, help="Of each data set only so many.")
    parser.add_argument("--page", action="store_true", help="Only write the page again.")
    arguments = parser.parse_args()
    given = os.environ.get("CAMEXPORT_DATA")
    data = Path(given) if given else None
    wanted = [run for run in runs(data, arguments.folder) if (arguments.only or "") in run.name]
    for run in [] if arguments.page else wanted:
        prepare(run, data)
        console.print(run.title)
        out = str(arguments.folder / run.name)
        command = [sys.executable, "-m", "camruntime", "evaluate", str(run.bundle)]
        limit = ("--limit", str(arguments.samples)) if arguments.samples else ()
        options = [str(run.dataset), *run.options, *limit, "--out", out]
        subprocess.run([*command, *options], check=True)
    write_page(runs(data, arguments.folder), arguments.folder)


if __name__ == "__main__":
    main()
