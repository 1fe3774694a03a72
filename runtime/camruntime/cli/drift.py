"""`camruntime drift`: whether good parts still look as those of the calibration do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from camruntime.cli.common import BundlePath, Computing, computes, in_words, say
from camruntime.errors import CalibrationError, CamError

if TYPE_CHECKING:
    from camruntime.good_parts import Alarm

_SHOWN = 10


@computes
def drift(
    bundle: BundlePath,
    folder: Annotated[Path, typer.Argument(help="Pictures of parts, in the order of their names.")],
    calibration: Annotated[Path, typer.Option(help="What `camruntime calibrate` wrote.")],
    method: Annotated[
        str | None, typer.Option(help="One of the calibration's; default its first.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="One of the calibration's; default its last, `not good`.")
    ] = None,
    parts_per_false_alarm: Annotated[
        int,
        typer.Option(help="While nothing changes, at most one alarm in so many parts."),
    ] = 10_000,
    *,
    computing: Computing,
) -> None:
    """Say when good parts begin to look different, and which moved it; the status is then 1.

    Looks at parts that the network calls good.
    """
    from camruntime.good_parts import Drift, pictures_in

    explainer = computing.load(bundle, calibration)
    watch = Drift(explainer.calibration, method, target, parts_per_false_alarm)
    pictures = pictures_in(folder)
    say(f"computing on {in_words(explainer)}")
    alarm = None
    each = explainer.explain_each(pictures, watch.method, watch.asked, errors="yield")
    with closing(each):
        for path, found in zip(pictures, each, strict=True):
            if isinstance(found, CamError):
                say(f"left out: {found}")
            elif alarm := watch.add(found, path.name):
                break
    if not watch.parts:
        raise CalibrationError(
            f"the network calls none of {len(pictures)} parts good, so nothing can be said of "
            "drift: give a folder with good parts"
        )
    if alarm is None:
        say(
            f"no drift in {watch.parts} of {len(pictures)} parts, those that the network calls "
            f"good: the statistic is {watch.statistic:.3g}, an alarm from "
            f"{watch.parts_per_false_alarm} on"
        )
        return
    say(*_told(alarm))
    raise typer.Exit(1)


def _told(alarm: Alarm) -> Iterator[str]:
    yield (
        f"good parts show {alarm.direction} evidence than the calibration's since part "
        f"{alarm.began}; seen at part {alarm.part}. What moved it most:"
    )
    for one in alarm.moved_by[:_SHOWN]:
        yield f"  {one.name}  p {one.p_value:.3g}"
