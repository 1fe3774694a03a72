"""`camruntime evaluate`: methods measured on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from camruntime.calibration import Calibration, read_calibration
from camruntime.cli.common import (
    BundlePath,
    CalibrationFile,
    Computing,
    computes,
    console,
    in_words,
    listed,
    say,
)
from camruntime.methods import BASELINES

if TYPE_CHECKING:
    from camruntime.datasets import Dataset
    from camruntime.evaluation import Evaluation, Summary
    from camruntime.explainer import Explainer

DEFAULT_METHODS = "recipro-cam,grad-cam"


@computes
def evaluate(
    bundle: BundlePath,
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A folder per class, a CSV of file and class, YOLO or COCO annotations, or "
            "pictures with masks."
        ),
    ],
    methods: Annotated[
        list[str],
        typer.Option(
            help="NAME[:option=value...][,NAME...], or `all` that the bundle can run; repeat it "
            "for more."
        ),
    ] = [DEFAULT_METHODS],  # noqa: B006  # typer's way to say a default
    metrics: Annotated[
        str,
        typer.Option(
            help="NAME[:option=value...][,NAME...]; see `camruntime metrics`. `auto`: faithfulness "
            "and, where the data set says where things are, localisation."
        ),
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Where results go; a rerun goes on there.")] = Path(
        "evaluation"
    ),
    kind: Annotated[
        str, typer.Option(help="Layout of the data set: folders, csv, yolo, masks, coco.")
    ] = "auto",
    class_map: Annotated[
        Path | None,
        typer.Option(help="JSON {class of the data set: [classes of the network that mean it]}."),
    ] = None,
    within_top: Annotated[
        int | None,
        typer.Option(min=1, help="Leave out pictures whose class is not among so many leading."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many samples, spread over the data set.")
    ] = None,
    calibration: CalibrationFile = None,
    *,
    computing: Computing,
) -> None:
    """Measure saliency methods on a data set: results.csv, summary.json and report.html.

    The four baselines (centre Gaussian, uniform, random, edges) are measured too.
    """
    from camruntime.datasets import looks_like, open_dataset, read_class_map
    from camruntime.evaluation import Evaluation, choose_methods, choose_metrics, spread
    from camruntime.metrics import make_metric

    explainer = computing.load(bundle)
    against = None if calibration is None else read_calibration(calibration)
    meaning = None if class_map is None else read_class_map(class_map, len(explainer.labels))
    good = explainer.bundle.manifest.good
    found = spread(open_dataset(dataset, explainer.labels, kind, meaning, good), limit)
    specs, why_metrics = choose_metrics(metrics, found)
    wanted, why_methods = choose_methods(
        explainer, found, ",".join(listed(methods)), DEFAULT_METHODS, against
    )
    chosen = [*wanted, *map(explainer.method, BASELINES)]
    measured = [make_metric(spec) for spec in specs]
    why_kind = [f"kind {found.kind} by auto: {looks_like(found.kind)}"] if kind == "auto" else []
    choices = [*why_kind, *why_methods, *why_metrics, *_colours(explainer, found, against)]
    say(
        f"{len(found.samples)} samples ({found.kind}), {len(chosen)} methods, "
        f"on {in_words(explainer)}"
    )
    for line in (*choices, *found.notes):
        say(line)
    evaluation = Evaluation(explainer, found, chosen, measured, out, within_top, choices, against)
    _tell_damage(evaluation, out)
    with evaluation.journal.held():  # also while files are written: another run may add methods
        _write(evaluation, _run(evaluation), out)


def _colours(explainer: Explainer, found: Dataset, against: Calibration | None) -> list[str]:
    """What the colours are of, and what they cost."""
    from camruntime.evaluation import calibrated_with

    if against is None:
        return []
    good = explainer.bundle.manifest.good
    what = "each sample's class"
    if good is not None:
        what = f"not {explainer.labels[good]}, whose map is counted in the cost"
    again = calibrated_with(found, against)
    return [
        f"colours by calibration: beyond what {1 - against.alpha:.4g} of good parts show "
        f"({len(against.parts)} were measured), of {what}",
        *([again] if again else []),
    ]


def _tell_damage(evaluation: Evaluation, out: Path) -> None:
    from camruntime.journal import DAMAGED, JOURNAL

    damaged = evaluation.journal.damaged
    if damaged:
        say(
            f"{len(damaged)} damaged lines of {out / JOURNAL}, from line {damaged[0]} on, are "
            f"measured again; the file as it was is kept as {DAMAGED} beside it"
        )


def _run(evaluation: Evaluation) -> Summary:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("evaluating")

        def tell(done: int, every: int, what: str) -> None:
            bar.update(task, completed=done, total=every, description=escape(what))

        try:
            return evaluation.run(tell)
        except KeyboardInterrupt:
            bar.stop()
            say(f"interrupted: {len(evaluation.journal.rows)} results kept; run it again to go on")
            raise


def _write(evaluation: Evaluation, summary: Summary, out: Path) -> None:
    from camruntime.evaluation import (
        REPORT,
        RESULTS,
        SUMMARY,
        findings,
        gallery_pictures,
        mistake_pictures,
        report_html,
        summary_table,
        write_page,
        write_results,
        write_summary,
    )

    rows = evaluation.rows()
    write_results(out / RESULTS, rows, evaluation.explainer.labels)
    write_summary(out / SUMMARY, summary)
    with console.status("drawing the report"):
        pictures = list(gallery_pictures(evaluation, say))
        mistakes = list(mistake_pictures(evaluation, summary, say))
        page = report_html(summary, pictures, mistakes)
    write_page(out / REPORT, page)
    console.print(summary_table(summary, console.width))
    for line in summary.failed:
        say(f"left out: {line}")
    say(*findings(summary))
    say(str(out / REPORT))
