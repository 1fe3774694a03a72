"""A record computed again: the same bundle, picture, method and target, and then compared."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import CamError, MethodError, RecordError
from camruntime.explainer import Explainer, Image
from camruntime.explaining import Contrast, Target
from camruntime.explanation import Explanation
from camruntime.methods import AnytimeScoreCAM, Method, make_method, name_of
from camruntime.record import Record, picture_of, read_records, record_of
from camruntime.replay.agreement import TOLERANCE, Agreement, Level, agreement
from camruntime.replay.explainers import Explainers
from camruntime.replay.pictures import Pictures
from camruntime.verdict import Verdict

Outcome = Level | Literal["not replayable"]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A record, and what became of it.

    Attributes:
        line: its number in the file.
        record: what it says.
        outcome: how alike what is computed now is.
        agreement: in what; None where it could not be computed again.
        why: it could not, or empty.
        notes: what computes otherwise than then, such as another version.
    """

    line: int
    record: Record
    outcome: Outcome
    agreement: Agreement | None
    why: str
    notes: tuple[str, ...]


def replay(
    records: str | Path,
    bundle: str | Path | None = None,
    pictures: str | Path | None = None,
    calibration: str | Path | None = None,
    tolerance: float = TOLERANCE,
) -> Iterator[Replayed]:
    """Compute every record of a file again, in order.

    Args:
        records: what `RecordLog` wrote.
        bundle: in the place of those that records name; it has to be the same one.
        pictures: a folder, for pictures that are no longer where they were, or never were files.
        calibration: file of the one that maps were held against.
        tolerance: see `camruntime.replay.TOLERANCE`.

    Raises:
        RecordError: the file cannot be read, or a line of it; at its turn.
        CamError: an argument cannot be used.
    """
    if not is_between(tolerance, 0, 1):
        raise CamError(f"tolerance lies in [0, 1], got {shown(tolerance)}")
    found = Pictures(None if pictures is None else Path(pictures))
    opened = Explainers(*(None if one is None else Path(one) for one in (bundle, calibration)))
    return (
        replay_one(number, record, opened, found, tolerance)
        for number, record in read_records(records)
    )


def replay_one(
    line: int,
    record: Record,
    explainers: Explainers,
    pictures: Pictures,
    tolerance: float = TOLERANCE,
) -> Replayed:
    """Compute one record again; what it needs and is not there is said."""
    try:
        explainer, notes = explainers.of(record)
        image, method = pictures.find(record.picture), _method(record)
    except RecordError as error:
        return Replayed(
            line=line, record=record, outcome="not replayable", agreement=None, why=str(error),
            notes=(),
        )  # fmt: skip
    now = _again(record, explainer, image, method)
    found = agreement(record, now, tolerance)
    return Replayed(
        line=line,
        record=record,
        outcome=found.level,
        agreement=found,
        why="",
        notes=(*notes, *_other_versions(record, now)),
    )


def _again(record: Record, explainer: Explainer, image: Image, method: Method | None) -> Record:
    """The record that is made now; it is called after the same method, however that is repeated."""
    found: Explanation | Verdict | CamError
    try:
        found = _answer(record, explainer, image, method)
    except CamError as error:
        found = error
    photo = found.photo if isinstance(found, Explanation) else None
    now = record_of(found, picture_of(image, photo), explainer, method=method)
    return dataclasses.replace(now, method=record.method) if _is_timed(record) else now


def _answer(
    record: Record, explainer: Explainer, image: Image, method: Method | None
) -> Explanation | Verdict:
    """What the explainer says now; of several targets that were asked for together, the one."""
    if method is None and record.error is None:
        return explainer.predict(image)
    asked, together = record.target.asked, record.target.together
    chosen = method or "recipro-cam"  # of an error before any method
    if together is None:
        (made,) = explainer.explain(image, chosen, [_target(asked)])
        return made
    found = explainer.explain(image, chosen, [_target(one) for one in together])
    return found[together.index(asked)]


def _method(record: Record) -> Method | None:
    """The method with all of its options, whatever defaults are by now.

    Raises:
        RecordError: it is not known any more, or ended by the clock.
    """
    if record.method is None:
        return None
    spec, options = record.method.spec, dict(record.method.options)
    around = options.pop("method", None)  # of a helper, which this is all of
    name = name_of(spec) if around is None else f"{name_of(spec)}/{around}"
    try:
        by_name = make_method(spec)
        made = make_method(
            name, {key: math.inf if value is None else value for key, value in options.items()}
        )
    except MethodError as error:
        raise RecordError(f"its method is not that of this camruntime: {error}") from error
    option = _contradicted(spec, by_name, made)
    if option is not None:
        raise RecordError(f"spec and options of its method contradict each other in '{option}'")
    return _as_far(record, made) if _is_timed(record) else made


def _contradicted(spec: str, by_name: Method, made: Method) -> str | None:
    """The option that a spec names, and that another value was recorded for."""
    inner, other = (getattr(one, "method", None) for one in (by_name, made))
    own, _, rest = (spec, "", "") if inner is None else spec.partition("/")
    for option in (one.partition("=")[0] for one in own.split(":")[1:]):
        if getattr(made, option) != getattr(by_name, option):
            return option
    if inner is None or other is None or type(inner) is not type(other):
        return "method" if type(inner) is not type(other) else None
    return _contradicted(rest, inner, other)


def _is_timed(record: Record) -> bool:
    """Whether the clock may have ended it."""
    if record.method is None or record.error is not None:
        return False
    inner = str(record.method.options.get("method", ""))
    timed = re.search(r":milliseconds=(?!inf\b)", inner) is not None
    return timed or record.method.options.get("milliseconds") is not None


def _as_far(record: Record, method: Method) -> Method:
    """The method without a clock, that goes exactly as far as it got.

    Raises:
        RecordError: nothing says how far that was, or evidence goes by the method with the clock.
    """
    reached = record.approximation
    some = reached is not None and 0 < reached.evaluated <= reached.channels
    if not isinstance(method, AnytimeScoreCAM) or reached is None or not some:
        raise RecordError("its method was ended by the clock, and nothing says how far it got")
    if record.calibration is not None:
        raise RecordError(
            "its method was ended by the clock, and the calibration is of that method alone: a map "
            "of as many channels cannot be held against it"
        )
    share = reached.evaluated / reached.channels
    return dataclasses.replace(method, share=share, milliseconds=math.inf)


def _target(asked: Any) -> Target | None:
    """What the caller said, from JSON; what is none is refused by `explain`."""
    return Contrast(**asked) if isinstance(asked, dict) else asked


def _other_versions(then: Record, now: Record) -> list[str]:
    before, after = dataclasses.asdict(then.versions), dataclasses.asdict(now.versions)
    return [
        f"{name} {before[name]} recorded, {after[name]} now"
        for name in before
        if before[name] != after[name]
    ]
