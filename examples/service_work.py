"""What the service does with a picture, in a thread: asks the network, and counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import camruntime
from camruntime import CamError, Explainer, Explanation, Policy
from camruntime.errors import (
    BudgetError,
    CalibrationError,
    Cancelled,
    ImageError,
    MethodError,
    TargetError,
)
from camruntime.methods import spec_of
from camruntime.verdict import Milliseconds, Verdict
from service_limits import Turn
from service_metrics import Metrics
from service_problems import LEFT, Refused
from service_settings import Settings

AUTO = "auto"
"""In the place of a method: the first one of the settings that fits the budget."""

_STATUS: dict[type[CamError], int] = {
    **dict.fromkeys((ImageError, TargetError, MethodError, CalibrationError), 422),
    BudgetError: 503,
    Cancelled: LEFT,
}
"""Of errors that are told to the client as they are; of all others it is told their kind alone."""

_log = logging.getLogger("camservice")


class Work:
    """A bundle, opened when this is made, and ready once `prepare` was called.

    Raises:
        CamError: it cannot be served with these settings.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._one_at_a_time = threading.Lock()
        self._serve(self._open())
        self.why_not = "the service is still warming up"

    def prepare(self) -> None:
        """Measure what methods cost; predictions and explanations are quick from the first on."""
        with self._one_at_a_time:
            try:
                self._warm_up(self._opened)
            except CamError as error:
                _log.error("not ready: %s", error)
                self.why_not = "the service could not warm up: see its log"
            else:
                self.why_not = ""

    def reload(self) -> None:
        """Take what lies at the bundle's path now; where that cannot be served, nothing changes.

        Not by `Explainer.reload`, as methods and names are looked at before it is taken.
        """
        with self._one_at_a_time:
            try:
                fresh = self._open()
                self._warm_up(fresh)
            except CamError as error:
                self._metrics.reloads.labels("failed").inc()
                _log.error("the old bundle stays in use: %s", error)
            else:
                self._serve(fresh)
                self.why_not = ""
                self._metrics.reloads.labels("done").inc()
                _log.warning("serving %s", fresh.bundle.manifest.digest)

    def opened(self) -> Explainer:
        """What computes now.

        Raises:
            Refused: it is not ready.
        """
        if self.why_not:
            raise Refused(503, self.why_not, "NotReady", retry_after="1")
        return self._opened

    def predict(self, one: Explainer, picture: Path, turn: Turn) -> Verdict:
        """What the network says.

        Raises:
            Refused: it does not.
        """
        try:
            verdict = one.predict(picture, cancel=turn.stop)
        except CamError as error:
            raise refused(error, picture) from error
        self._count("/predict", verdict.predicted.label, verdict.milliseconds, turn)
        return verdict

    def explain(
        self, one: Explainer, picture: Path, method: str, target: str | None, turn: Turn
    ) -> Explanation:
        """An explanation within what is left of the budget.

        Raises:
            Refused: there is none.
        """
        methods = self._settings.methods if method == AUTO else (method,)
        try:
            found = one.explain(
                picture,
                Policy(methods, 1e3 * turn.left),
                _class(target),
                cancel=turn.stop,
                progress=self._copies(),
            )
        except CamError as error:
            raise refused(error, picture) from error
        self._count("/explain", found.predicted.label, found.milliseconds, turn)
        self._metrics.seconds.labels("method").observe(found.milliseconds.method / 1e3)
        self._metrics.explanations.labels(spec_of(found.method), _evidence(found)).inc()
        return found

    def _open(self) -> Explainer:
        explainer = camruntime.load(
            self._settings.bundle,
            threads=self._settings.threads,
            max_megapixels=self._settings.megapixels,
            calibration=self._settings.calibration,
        )
        for method in self._settings.methods:
            explainer.method(method)
        _require_text(explainer)
        return explainer

    def _warm_up(self, one: Explainer) -> None:
        for method, cost in one.warm_up(self._settings.methods).items():
            said = "%s takes %.0f ms, more than the %g s that there are: no client will see it"
            if cost.milliseconds > 1e3 * self._settings.seconds:
                _log.warning(said, method, cost.milliseconds, self._settings.seconds)

    def _serve(self, one: Explainer) -> None:
        manifest = one.bundle.manifest
        self._opened = one
        self._metrics.bundle.info(
            {
                "digest": manifest.digest,
                "model": manifest.model,
                "weights": manifest.source.digest,
                "precision": manifest.precision,
                "provider": one.provider,
            }
        )

    def _count(self, route: str, predicted: str, taken: Milliseconds, turn: Turn) -> None:
        self._metrics.parts.labels(route, predicted).inc()
        stages = {"wait": turn.waited, "read": taken.read / 1e3, "network": taken.network / 1e3}
        for stage, seconds in stages.items():
            self._metrics.seconds.labels(stage).observe(seconds)

    def _copies(self) -> Callable[[int, int], None]:
        """Counts what was computed since it was called before."""
        before = 0

        def progress(done: int, _: int) -> None:
            nonlocal before
            self._metrics.copies.inc(done - before if done > before else done)
            before = done

        return progress


def refused(error: CamError, picture: Path) -> Refused:
    """What the client is told of an error: never where something lies on this machine."""
    kind, said = type(error), str(error).replace(str(picture), "the body")
    if kind not in _STATUS:
        _log.error("%s: %s", kind.__name__, error)
        return Refused(
            500, "the picture could not be explained: see the service's log", kind.__name__
        )
    if picture.parent.name in said:  # in a folder whose name had to be escaped
        said = "the body cannot be read as a picture"
    return Refused(_STATUS[kind], said, kind.__name__)


def _require_text(explainer: Explainer) -> None:
    """Raise `CamError` where a name in the bundle is no text that JSON and counters can hold."""
    for name in (explainer.bundle.manifest.model, *explainer.labels):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise CamError(f"expected labels that are UTF-8, got {name!r:.60}") from error


def _evidence(found: Explanation) -> str:
    if found.evidence is None:
        return "uncalibrated"
    return "found" if found.has_evidence else "none"


def _class(target: str | None) -> int | str | None:
    """As the command line has it: digits are an index; of more than 18, no class has it."""
    if target is not None and target.isdecimal() and len(target) <= 18:
        return int(target)
    return target
