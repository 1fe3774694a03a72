"""One part: the verdict first, a map where it is not good, and what is written of it."""

from __future__ import annotations

import argparse
import io
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

import camruntime
from camruntime import CamError, Contrast, Explainer, Explanation, Policy
from camruntime.methods import Method, spec_of
from camruntime.pictures import Picture, encode_png
from camruntime.record import PictureOf, Record, picture_of, record_of
from camruntime.verdict import Verdict
from line_parts import Flag, Part, tried
from line_writer import Entry

log = logging.getLogger("line")


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found of a part: whether it is a defect, why there is no answer, what is written."""

    defect: bool
    error: CamError | None
    entry: Entry


class Network:
    """A bundle, opened, checked and warm; a new one is opened beside it before it is let go.

    Raises:
        CamError: it does not open, names no good parts, or cannot explain by these methods.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        providers = None if options.provider is None else [options.provider]
        self.explainer = explainer = camruntime.load(
            options.bundle, providers, threads=options.threads, calibration=options.calibration
        )
        self.options, self.good = options, _good(explainer, options.good)
        self.target = Contrast(against=explainer.labels[self.good])
        methods = [explainer.method(one) for one in options.methods]
        self.policy = Policy(methods, options.budget_ms, options.memory_mb)
        self._require_calibrated(methods)
        costs = explainer.warm_up(methods, self.target)
        log.info(
            "maps take %s", {spec: f"{one.milliseconds:.1f} ms" for spec, one in costs.items()}
        )
        spec = explainer.bundle.manifest.input
        blank = np.zeros((*spec.size, spec.channels), np.uint8 if spec.full_scale == 255 else "u2")
        explainer.predict(blank)  # its session is not always one of the maps'

    def _require_calibrated(self, methods: list[Method]) -> None:
        """Raise `CalibrationError` where maps cannot be held against good parts."""
        others = tuple(i for i in range(len(self.explainer.labels)) if i != self.good)
        if self.explainer.calibration is not None:
            for method in methods:
                self.explainer.calibration.yardstick(spec_of(method), (others, self.good), False)

    def judge(self, part: Part, out: Path, cancel: Flag) -> Judged:
        """Verdict, map and files of a part; nothing that is wrong with it is raised."""
        begin, frame = perf_counter(), part.frame
        if isinstance(frame, CamError):
            return self._failed(part, frame, out)
        verdict = tried(lambda: self.explainer.predict(frame))
        if isinstance(verdict, CamError):
            return self._failed(part, verdict, out)
        defect = any(one.index != self.good for one in verdict.present)
        decided(part, verdict, defect)
        worst = np.delete(verdict.probabilities, self.good).max()
        if not defect and worst < self.options.threshold:
            return Judged(False, None, Entry(self._plain(part, verdict)))
        found = tried(lambda: self._explained(part, begin, cancel))
        if isinstance(found, CamError):  # the verdict stands
            entry = Entry(self._plain(part, verdict), _aside(part, found, out))
            return Judged(defect, found, entry)
        return Judged(defect, None, self._entry(part, found, defect, out))

    def _plain(self, part: Part, found: Verdict | CamError) -> Record:
        """The record of a part without a map."""
        return record_of(found, _picture(part), self.explainer, part=part.name, time=part.came)

    def _explained(self, part: Part, begin: float, cancel: Flag) -> Explanation:
        """The map, within what the verdict left of the budget."""
        assert not isinstance(part.frame, CamError)
        policy, budget = self.policy, self.options.budget_ms
        if budget is not None:
            left = budget - 1e3 * (perf_counter() - begin)
            policy = replace(policy, budget_ms=max(left, 1e-3))
        return self.explainer.explain(part.frame, policy, self.target, cancel=cancel)

    def _entry(self, part: Part, made: Explanation, defect: bool, out: Path) -> Entry:
        """A good part is drawn where it has evidence, which takes a calibration."""
        evidence = made.evidence is not None and made.has_evidence
        record = record_of(
            made,
            _picture(part, made.photo),
            self.explainer,
            part=part.name,
            target=self.target,
            time=part.came,
        )
        if not (defect or evidence):
            return Entry(record)
        overlay = out / "defects" / f"{_stem(part)}.png"
        return Entry(record, {overlay: lambda: encode_png(made.picture())})

    def _failed(self, part: Part, error: CamError, out: Path) -> Judged:
        return Judged(False, error, Entry(self._plain(part, error), _aside(part, error, out)))


def decided(part: Part, verdict: Verdict, defect: bool) -> None:
    """Before its map is made, a part is known to be good or not: tell the machine here."""
    log.debug("%r: %s, %s", part.name, "DEFECT" if defect else "good", verdict)


def _good(explainer: Explainer, label: str | None) -> int:
    known = explainer.bundle.manifest.good
    if label is not None and label in explainer.labels:
        return explainer.labels.index(label)
    if label is None and known is not None:
        return known
    said = "names no class of good parts" if label is None else f"has no class {label!r}"
    raise CamError(f"the bundle {said}: give --good one of {', '.join(explainer.labels)}")


def _picture(part: Part, photo: Picture | None = None) -> PictureOf:
    """Which picture it was; of a file by the digest of what was read."""
    place = None if part.file is None else str(part.file.absolute())
    if part.file is None and not isinstance(part.frame, CamError):
        return picture_of(part.frame)
    if photo is not None:
        return replace(picture_of(photo), path=place, file_sha256=part.digest)
    return PictureOf(
        path=place, file_sha256=part.digest,
        pixels_sha256=None, dtype=None, shape=None, full_scale=None,
    )  # fmt: skip


def _stem(part: Part) -> str:
    """For names of files: short, of characters that every disk has, and another one per picture."""
    name = re.sub(r"[^0-9A-Za-z.-]", "_", part.name)[:80]
    return name if part.digest is None else f"{name}-{part.digest[:8]}"


def _aside(part: Part, error: CamError, out: Path) -> dict[Path, Callable[[], bytes]]:
    """The frame that could not be explained, and the reason."""
    stem = out / "errors" / _stem(part)
    suffix = ".npy" if part.file is None else part.file.suffix
    said = {"part": part.name, "type": type(error).__name__, "reason": str(error)}
    reason = json.dumps(said | {"file": None if part.file is None else str(part.file)}).encode()
    content = _frame_bytes(part)
    frame = {} if content is None else {stem.with_name(stem.name + suffix): lambda: content}
    return frame | {stem.with_name(stem.name + ".json"): lambda: reason}


def _frame_bytes(part: Part) -> bytes | None:
    try:
        if part.file is not None:
            return part.file.read_bytes()
        array = io.BytesIO()
        np.save(array, np.asarray(part.frame))
        return array.getvalue()
    except (OSError, MemoryError) as error:  # it was removed meanwhile
        log.warning("the frame of %r is not kept: %s", part.name, error)
        return None
