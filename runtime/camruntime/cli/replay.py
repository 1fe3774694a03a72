"""`camruntime replay`: records computed again, and compared with what they say."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from camruntime._strict_json import plain
from camruntime._text import named, printable
from camruntime.cli.common import say

if TYPE_CHECKING:
    from camruntime.replay import Replayed

_SHOWN = 4  # differences of a record


def replay(
    records: Annotated[Path, typer.Argument(help="What `explain --record` or RecordLog wrote.")],
    bundle: Annotated[
        Path | None,
        typer.Option(help="Directory of the bundle; default where each record says it lay."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder in which pictures are found by their content, wherever in it."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="The calibration that maps were held against.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            help="What counts as rounding: of a map's range, of a probability, of a score."
        ),
    ] = 1e-4,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each record instead of text.")
    ] = False,
) -> None:
    """Compute each record again, by the same bundle, picture, method and target, and compare.

    The status is 0 where all that could be computed again agree, and at least one could.
    """
    from camruntime.replay import replay as replayed

    counts: Counter[str] = Counter()
    for one in replayed(records, bundle, pictures, calibration, tolerance):
        counts[one.outcome] += 1
        if as_json:
            print(json.dumps(plain(_as_json(one))))
        else:
            say(_told(one))
    if not as_json:
        say(_summary(counts))
    if counts["different"] or not counts["the same"] + counts["within rounding"]:
        raise typer.Exit(1)


def _summary(counts: Counter[str]) -> str:
    total = counts.total()
    if not total:
        return "there is no record in the file"
    order = ("the same", "within rounding", "different", "not replayable")
    found = ", ".join(f"{counts[one]} {one}" for one in order if counts[one])
    return f"{total} record{'' if total == 1 else 's'}: {found}"


def _told(one: Replayed) -> str:
    record = one.record
    path = record.picture.path
    what = [
        f"line {one.line}",
        *([] if record.part is None else [named(record.part)]),
        *([] if path is None else [named(Path(path).name)]),
        "verdict" if record.method is None else record.method.spec,
    ]
    return printable("  ".join([*what, _outcome(one)]))


def _outcome(one: Replayed) -> str:
    found = one.agreement
    if found is None:
        return f"{one.outcome}: {one.why}"
    words = [*found.differences, *found.rounding]
    more = [f"and {len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    said = [*words[:_SHOWN], *more, *one.notes]
    return f"{one.outcome}{': ' if said else ''}{'; '.join(said)}"


def _as_json(one: Replayed) -> dict[str, object]:
    path = one.record.picture.path
    return {
        "line": one.line,
        "time": one.record.time,
        "part": one.record.part,
        "path": path,
        "method": None if one.record.method is None else one.record.method.spec,
        "outcome": one.outcome,
        "agreement": None if one.agreement is None else asdict(one.agreement),
        "why": one.why,
        "notes": list(one.notes),
    }
