"""`camruntime calibrate`: how much evidence good parts show, in a file beside the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from camruntime._text import named
from camruntime.calibration import Calibration, OfMethod, read_calibration
from camruntime.cli.common import (
    BundlePath,
    Computing,
    class_asked_for,
    computes,
    console,
    in_words,
    listed,
    say,
)
from camruntime.errors import CalibrationError
from camruntime.journal import DAMAGED, JOURNAL
from camruntime.methods import RELATIVE

if TYPE_CHECKING:
    from camruntime.explainer import Explainer
    from camruntime.explaining import Target

_LOOK_AT = 5  # of the good parts with the most evidence: a defect among them would be there


@computes
def calibrate(
    bundle: BundlePath,
    good_folder: Annotated[
        Path, typer.Argument(help="Pictures of good parts that the network was not trained with.")
    ],
    methods: Annotated[
        list[str],
        typer.Option(
            help="NAME[:option=value...][,NAME...]; repeat it for more; see `camruntime methods`."
        ),
    ] = ["recipro-cam"],  # noqa: B006  # typer's way to say a default
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="As of `explain`; repeat. Default: every class, and with a good class each rather "
            "than it, and `not good`."
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="Share of good parts that may show any colour at all.")
    ] = 0.01,
    out: Annotated[
        Path | None, typer.Option(help="Default: beside the bundle, BUNDLE.calibration.json.")
    ] = None,
    *,
    computing: Computing,
) -> None:
    """Measure what good parts show, so that maps are held against it.

    A new good part of the same production then shows any colour with probability at most ALPHA,
    for each target by itself. It takes 1 / ALPHA - 1 good parts. Run it again to go on where it was
    interrupted, with more parts, or for another ALPHA: no part is measured twice.
    """
    from camruntime.good_parts import calibrate as measure
    from camruntime.good_parts import plan

    explainer = computing.load(bundle)
    planned = plan(explainer, listed(methods), _targets(target), alpha)
    file = _beside(bundle, explainer) if out is None else out
    before = _replaced(file)
    say(f"computing on {in_words(explainer)}")
    if before is not None and before.bundle != explainer.bundle.manifest.digest:
        say(
            f"{named(file)} is of another bundle ({before.model}, {before.bundle[:12]}…): "
            "all parts are measured, and it is replaced"
        )
    unfinished = file.with_name(f"{file.name}.unfinished")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("good parts")
        found = measure(
            explainer,
            good_folder,
            planned,
            unfinished,
            before,
            lambda done, every, name: bar.update(
                task, completed=done, total=every, description=escape(name)
            ),
        )
    found.write(file)
    _remove(unfinished)
    _tell(found, explainer.labels)
    say(str(file))


def _remove(unfinished: Path) -> None:
    """What was measured, and its folder; what somebody else put there stays."""
    with suppress(OSError):
        for name in (JOURNAL, DAMAGED):
            (unfinished / name).unlink(missing_ok=True)
        unfinished.rmdir()


def _targets(texts: list[str] | None) -> list[Target] | None:
    """`--target`, repeated; None where there is none."""
    asked = [class_asked_for(text) for text in texts or ()]
    return [one for one in asked if one is not None] or None


def _beside(bundle: Path, explainer: Explainer) -> Path:
    folder = bundle.resolve()
    precision = explainer.bundle.manifest.precision
    variant = "" if precision == "float32" else f".{precision}"
    return folder.with_name(f"{folder.name}{variant}.calibration.json")


def _replaced(file: Path) -> Calibration | None:
    """The calibration that is there.

    Raises:
        CalibrationError: something else is.
    """
    if file.is_dir():
        raise CalibrationError(f"{named(file)} is a folder: expected a file behind --out")
    if not file.exists():
        return None
    try:
        return read_calibration(file)
    except CalibrationError as error:
        raise CalibrationError(f"{error}; or remove it, or give another --out") from error


def _tell(found: Calibration, labels: Sequence[str]) -> None:
    """What was found, and what to look at."""
    for line in found.left_out:
        say(f"left out: {line}")
    for method in found.methods:
        console.print(_table(found, method))
        say(_most(found, method))
    taken = [one.name for one in found.parts if one.top != found.good]
    if found.good is not None and taken:
        say(
            f"{len(taken)} of {len(found.parts)} good parts are taken for something else than "
            f"'{labels[found.good]}': {', '.join(taken[:_LOOK_AT])}"
        )


def _table(found: Calibration, method: OfMethod) -> Table:
    table = Table(
        Column("target", overflow="fold"),
        Column("typical", justify="right"),
        Column("threshold", justify="right"),
        Column("as top class", justify="right"),
        title=f"{method.method}, {len(found.parts)} good parts: strongest evidence, "
        + ("the target's score" if method.unit == RELATIVE else f"in {method.unit}"),
        caption=f"{found.alpha:g} of new good parts are above the threshold",
    )
    for one in method.targets:
        as_top = one.threshold_as_top
        table.add_row(
            escape(one.target),
            f"{one.typical:.4g}",
            f"{one.threshold:.4g}",
            "-" if as_top is None else f"{as_top:.4g}",
        )
    return table


def _most(found: Calibration, method: OfMethod) -> str:
    """The parts that raise the threshold."""
    last = method.targets[-1]
    order = sorted(range(len(found.parts)), key=lambda row: -last.strongest[row])
    names = ", ".join(found.parts[row].name for row in order[:_LOOK_AT])
    return (
        f"most evidence of '{last.target}' is in {names}: look at them, as defects among the good "
        "parts raise the threshold"
    )
