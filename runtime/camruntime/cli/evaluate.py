"""`camruntime evaluate`: methods measured on a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from camruntime.cli.common import (
    BundlePath,
    Computing,
    computes,
    console,
    in_words,
    say,
)
from camruntime.errors import CamError, ImageError
from camruntime.methods import BASELINES, METHODS, Method

if TYPE_CHECKING:
    from camruntime.datasets import Dataset
    from camruntime.evaluation import Evaluation, GalleryPicture, Summary
    from camruntime.explainer import Explainer


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
        str,
        typer.Option(help="NAME[:option=value...][,NAME...], or `all` that the bundle can run."),
    ] = "recipro-cam,grad-cam",
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
    *,
    computing: Computing,
) -> None:
    """Measure saliency methods on a data set: results.csv, summary.json and report.html.

    The four baselines (centre Gaussian, uniform, random, edges) are measured too.
    """
    from camruntime.datasets import open_dataset, read_class_map
    from camruntime.evaluation import Evaluation, spread
    from camruntime.metrics import make_metric

    explainer = computing.load(bundle)
    meaning = None if class_map is None else read_class_map(class_map, len(explainer.labels))
    found = spread(open_dataset(dataset, explainer.labels, kind, meaning), limit)
    specs = _metrics(metrics, found)
    chosen = [*_methods(explainer, found, methods), *map(explainer.method, BASELINES)]
    measured = [make_metric(spec) for spec in specs]
    say(
        f"{len(found.samples)} samples ({found.kind}), {len(chosen)} methods, "
        f"on {in_words(explainer)}"
    )
    evaluation = Evaluation(explainer, found, chosen, measured, out, within_top)
    _tell_damage(evaluation, out)
    with evaluation.journal.held():  # also while files are written: another run may add methods
        _write(evaluation, _run(evaluation), out)


def _metrics(wanted: str, dataset: Dataset) -> Sequence[str]:
    if wanted != "auto":
        return wanted.split(",")
    from camruntime.metrics import usual_metrics

    return usual_metrics(located=any(sample.locate for sample in dataset.samples))


def _methods(explainer: Explainer, dataset: Dataset, wanted: str) -> list[Method]:
    """Those asked for; of `all`, those that can explain this network."""
    from camruntime.evaluation import usable_methods

    if wanted != "all":
        return [explainer.method(spec) for spec in wanted.split(",") if spec not in BASELINES]
    usable = []
    for spec, method in usable_methods(explainer, dataset, list(METHODS)):
        if isinstance(method, CamError):
            say(f"without {spec}: {method}")
        else:
            usable.append(method)
    return usable


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
        page = report_html(summary, _gallery(evaluation))
    write_page(out / REPORT, page)
    console.print(summary_table(summary, console.width))
    for line in summary.failed:
        say(f"left out: {line}")
    say(str(out / REPORT))


def _gallery(evaluation: Evaluation) -> list[GalleryPicture]:
    """Explanations drawn again, as their pictures are not kept."""
    from camruntime.evaluation import GalleryPicture, worth_seeing

    explainer = evaluation.explainer
    samples = {sample.name: sample for sample in evaluation.dataset.samples}
    pictures = []
    for rank, row in worth_seeing(evaluation.rows(), evaluation.metrics):
        try:
            explanation = explainer.explain(samples[row.sample].image, row.method, row.target)
        except ImageError as error:  # it was there when it was measured
            say(f"not drawn: {row.sample}: {error}")
            continue
        name, value = next((name, value) for name, value in row.values.items() if value is not None)
        caption = f"{explainer.labels[row.target]} {row.probability:.2f}, {name} {value:.3g}"
        pictures.append(
            GalleryPicture(
                method=row.method,
                rank=rank,
                sample=row.sample,
                caption=caption,
                picture=explanation.overlay(),
            )
        )
    return pictures
