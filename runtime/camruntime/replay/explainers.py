"""The bundle of a record, opened on the same provider, and seen to be the same one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from camruntime._text import named
from camruntime.bundle import is_package
from camruntime.calibration import Calibration, read_calibration
from camruntime.errors import CamError, ProviderError, RecordError
from camruntime.explainer import Explainer, load
from camruntime.record import BundleOf, Record


class Explainers:
    """Opens bundles, each once.

    Args:
        bundle: in the place of those that records name.
        calibration: file of the one that maps are held against.

    Raises:
        CalibrationError: there is no such calibration.
    """

    def __init__(self, bundle: Path | None = None, calibration: Path | None = None) -> None:
        self._bundle, self._file = bundle, calibration
        self._calibration: Calibration | None = (
            None if calibration is None else read_calibration(calibration)
        )
        self._opened = cache(_open)

    def of(self, record: Record) -> tuple[Explainer, tuple[str, ...]]:
        """What explains as whatever made the record did, and what is not the same.

        Raises:
            RecordError: it is another bundle or calibration, or none.
        """
        named_then = None if record.bundle.path is None else Path(record.bundle.path)
        place = self._bundle or named_then
        if place is None:
            raise RecordError("it does not say where its bundle lay: give --bundle PATH")
        file = self._calibration_of(record)
        try:
            explainer = self._on(place, record, file, record.provider)
            notes = []
            if isinstance(explainer, ProviderError):
                explainer = self._on(place, record, file, None)
                if isinstance(explainer, ProviderError):
                    raise explainer
                words = f"{record.provider} does not open here: computed on {explainer.provider}"
                notes = [words]
        except CamError as error:
            raise RecordError(str(error)) from error
        return explainer, (*notes, *_same_bundle(record.bundle, explainer, place))

    def _on(
        self, place: Path, record: Record, calibration: Path | None, provider: str | None
    ) -> Explainer | ProviderError:
        precision = record.bundle.weights.partition(", ")[2] or "float32"
        return self._opened(place, precision, provider, calibration)

    def _calibration_of(self, record: Record) -> Path | None:
        """The file, where the record's map was held against it."""
        if record.calibration is None:
            return None
        if self._calibration is None:
            raise RecordError(
                f"it was held against the calibration {record.calibration[:12]}…: give it with "
                "--calibration FILE"
            )
        if self._calibration.digest != record.calibration:
            raise RecordError(
                f"it was held against another calibration: {record.calibration[:12]}… recorded, "
                f"{self._calibration.digest[:12]}… given"
            )
        return self._file


def _open(
    place: Path, precision: str, provider: str | None, calibration: Path | None
) -> Explainer | ProviderError:
    """An error of the provider is kept, too: opening CUDA in vain takes a second."""
    try:
        return load(
            place,
            None if provider is None else [provider],
            variant=precision if is_package(place) else None,
            calibration=calibration,
        )
    except ProviderError as error:
        return error


def _same_bundle(then: BundleOf, explainer: Explainer, place: Path) -> list[str]:
    """What to say of a bundle that was built anew from the same weights.

    Raises:
        RecordError: it is of another network, layer, precision or of other weights.
    """
    now = explainer.bundle.manifest
    if now.digest == then.digest:
        return []
    fields = {
        "model": (then.model, now.model),
        "layer": (then.layer, now.layer_names),
        "weights": (then.weights, now.fingerprint),
    }
    other = [
        f"{name} {_short(one)} recorded, {_short(another)} here"
        for name, (one, another) in fields.items()
        if one != another
    ]
    if other:
        raise RecordError(f"another bundle lies at {named(place)}: {'; '.join(other)}")
    return [
        "the bundle is another one of the same model, layer and weights: digest "
        f"{then.digest[:12]}… recorded, {now.digest[:12]}… here"
    ]


def _short(text: str) -> str:
    """A digest's beginning, and the precision behind it."""
    head, comma, rest = text.partition(", ")
    return named(f"{head[:12]}…{comma}{rest}" if len(head) == 64 else text)
