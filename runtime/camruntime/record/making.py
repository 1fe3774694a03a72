"""From an explanation, a verdict or an error to its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from camruntime._strict_json import plain
from camruntime._text import shown
from camruntime.calibration import Evidence
from camruntime.errors import CamError
from camruntime.explaining import Contrast
from camruntime.explanation import Explanation
from camruntime.methods import Method, options_of, spec_of
from camruntime.record.picture import PictureOf
from camruntime.record.raw_map import raw_map_of
from camruntime.record.record import (
    BundleOf,
    ErrorOf,
    EvidenceOf,
    MethodOf,
    Record,
    RegionOf,
    Stages,
    TargetOf,
    VerdictOf,
)
from camruntime.record.versions import versions
from camruntime.regions import Region
from camruntime.verdict import Provenance, Verdict

if TYPE_CHECKING:
    from camruntime.explainer import Explainer

REGIONS = 16
"""Regions of a record at most, the strongest."""

LONGEST_PART = 1000
"""Characters of what a part is called at most."""

_LARGEST = 10**18  # more digits than other readers of JSON take for a number

_RLE = 512  # characters of a region's mask at most; a map's own are longer where they are wide


def record_of(
    found: Explanation | Verdict | CamError,
    picture: PictureOf,
    explainer: Explainer,
    *,
    part: str | None = None,
    target: object = None,
    together: Sequence[object] | None = None,
    method: Method | None = None,
    time: datetime | None = None,
) -> Record:
    """The record of one picture by one method, of a verdict without a map, or of an error.

    Args:
        found: what `explain`, `explain_each` or `predict` gave.
        picture: which picture, by `picture_of`.
        explainer: that gave it.
        part: what you call the part; any text of at most `LONGEST_PART` characters.
        target: as it was asked for.
        together: all targets of the call, where it was asked for several.
        method: of an error, what would have explained.
        time: when, with its time zone; None for now.

    Raises:
        CamError: an argument is nothing of that kind.
    """
    _check(found, picture, part)
    wanted = TargetOf(
        asked=_said(target),
        together=None if together is None else tuple(_said(one) for one in together),
        meant=None,
        against=None,
    )
    begun = _begun(found, picture, explainer, part, wanted, _utc(time))
    if isinstance(found, CamError):
        known = None if method is None else _method(method)
        return replace(begun, calibration=_calibration(explainer), method=known)
    return _explained(begun, found) if isinstance(found, Explanation) else begun


def _check(found: object, picture: object, part: object) -> None:
    if not isinstance(found, (Explanation, Verdict, CamError)):
        raise CamError(
            "a record is of one explanation, verdict or CamError; of a list each has its own, got "
            f"{shown(found)}"
        )
    if not isinstance(picture, PictureOf):
        raise CamError(f"expected what picture_of(image, photo) returns, got {shown(picture)}")
    if part is not None and not (isinstance(part, str) and len(part) <= LONGEST_PART):
        raise CamError(f"part is a text of at most {LONGEST_PART} characters, got {shown(part)}")


def _begun(
    found: Explanation | Verdict | CamError,
    picture: PictureOf,
    explainer: Explainer,
    part: str | None,
    wanted: TargetOf,
    time: str,
) -> Record:
    """All of a verdict or an error; of an explanation what it has in common with these."""
    seen = None if isinstance(found, CamError) else found
    if seen is None:  # what computes now: an error does not say what did
        by = Provenance.of(explainer.bundle.manifest, explainer.provider)
    else:
        by = seen.provenance
    spent = None if seen is None else seen.milliseconds
    return Record(
        time=time,
        part=part,
        picture=picture,
        bundle=_bundle(by, explainer),
        calibration=None,
        provider=by.provider,
        versions=versions(),
        method=None,
        target=wanted,
        verdict=None if seen is None else VerdictOf(predicted=seen.predicted, present=seen.present),
        no_evidence=None,
        evidence=None,
        regions=(),
        regions_left_out=0,
        map=None,
        approximation=None,
        edges=None,
        milliseconds=None if spent is None else _stages(spent.read, spent.network, None),
        choice=None,
        error=ErrorOf(type=type(found).__name__, message=str(found))
        if isinstance(found, CamError)
        else None,
    )


def _explained(known: Record, made: Explanation) -> Record:
    evidence, regions, spent = made.evidence, made.shown_regions, made.milliseconds
    return replace(
        known,
        calibration=None if evidence is None else evidence.yardstick.calibration,
        method=_method(made.method),
        target=replace(known.target, meant=made.target, against=made.against),
        no_evidence=made.no_evidence,
        evidence=None if evidence is None else _evidence(evidence),
        regions=tuple(_region(one) for one in regions[:REGIONS]),
        regions_left_out=max(0, len(regions) - REGIONS),
        map=raw_map_of(made.raw),
        approximation=made.approximation,
        edges=made.edges,
        choice=None if made.choice is None else _plain(asdict(made.choice)),
        milliseconds=_stages(spent.read, spent.network, spent.method),
    )


def _evidence(found: Evidence) -> EvidenceOf:
    return EvidenceOf(
        has_evidence=found.has_evidence,
        score=found.score,
        p_value=found.p_value,
        alpha=found.alpha,
        threshold=found.yardstick.threshold,
    )


def _stages(read: float, network: float, method: float | None) -> Stages:
    """To a microsecond."""
    return Stages(
        read=round(read, 3),
        network=round(network, 3),
        method=None if method is None else round(method, 3),
    )


def _bundle(by: Provenance, explainer: Explainer) -> BundleOf:
    """The path of another bundle, which `reload` replaced, is not known any more."""
    bundle = explainer.bundle
    place = (bundle.package or bundle.folder).absolute()
    return BundleOf(
        digest=by.bundle,
        model=by.model,
        layer=by.layer,
        weights=by.weights,
        path=str(place) if by.bundle == bundle.manifest.digest else None,
    )


def _calibration(explainer: Explainer) -> str | None:
    return None if explainer.calibration is None else explainer.calibration.digest


def _method(method: Method) -> MethodOf:
    return MethodOf(spec=spec_of(method), options=_plain(options_of(method)))


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """As JSON gives them back."""
    return {name: plain(value) for name, value in values.items()}


def _region(found: Region) -> RegionOf:
    """Of a wide region no mask is made: each of its columns takes two characters or more."""
    code = found.rle()["counts"] if 2 * found.width <= _RLE else ""
    return RegionOf(
        rank=found.rank,
        x=found.x,
        y=found.y,
        width=found.width,
        height=found.height,
        area=found.area,
        strongest=found.strongest,
        mean=found.mean,
        p_value=found.p_value,
        rle=code if 0 < len(code) <= _RLE else None,
    )


def _said(target: object) -> object:
    """What the caller said, as JSON has it."""
    if isinstance(target, Contrast):
        return {"target": _said(target.target), "against": _said(target.against)}
    if target is None or isinstance(target, str):
        return target
    number = plain(target)
    if type(number) is int:
        return number if abs(number) < _LARGEST else shown(number)  # which no class has
    raise CamError(f"a target is None, an index, a label or a Contrast, got {shown(target)}")


def _utc(time: datetime | None) -> str:
    moment: object = datetime.now(UTC) if time is None else time
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise CamError(
            f"time is a datetime with its time zone, such as datetime.now(UTC), got {shown(time)}"
        )
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
