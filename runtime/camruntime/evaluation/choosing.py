"""What is measured where nobody chose, and why: a line for each choice, and for each left out."""

from __future__ import annotations

from collections.abc import Sequence

from camruntime.calibration import Calibration
from camruntime.datasets import Dataset
from camruntime.errors import CamError
from camruntime.evaluation.usable_methods import usable_methods
from camruntime.explainer import Explainer
from camruntime.methods import BASELINES, METHODS, Method, spec_of
from camruntime.metrics import METRICS, usual_metrics

Reasons = list[str]


def choose_metrics(wanted: str, dataset: Dataset) -> tuple[Sequence[str], Reasons]:
    """Those asked for; of `auto` the usual ones, with localisation where places are known."""
    if wanted != "auto":
        return wanted.split(","), []
    places = sum(sample.locate is not None for sample in dataset.samples)
    chosen = usual_metrics(located=places > 0)
    count = f"{places} of {len(dataset.samples)} samples say where something is"
    why = f"localisation first, as {count}" if places else "without localisation"
    reasons = [f"metrics by auto: {', '.join(chosen)}: the usual ones, {why}"]
    for name, metric in METRICS.items():
        if name not in chosen:
            unasked = metric.info.usual is None
            reason = "only where it is asked for (--metrics)" if unasked else _nowhere(dataset)
            reasons.append(f"without {name}: {reason}")
    return chosen, reasons


def _nowhere(dataset: Dataset) -> str:
    return f"no sample of {dataset.name} ({dataset.kind}) says where anything is"


def choose_methods(
    explainer: Explainer,
    dataset: Dataset,
    wanted: str,
    default: str,
    calibration: Calibration | None = None,
) -> tuple[list[Method], Reasons]:
    """Those asked for; of `all`, those that can explain this network, or are calibrated.

    Args:
        explainer: of the network.
        dataset: its first picture is tried.
        wanted: specs with commas between, or `all`.
        default: what `wanted` is where nobody asks for any.
        calibration: its methods are taken where nobody asks for others.

    Raises:
        CamError: one that is asked for cannot explain it.
    """
    if calibration is not None and wanted in ("all", default):
        calibrated = [one.method for one in calibration.methods]
        why = f"methods by calibration: {', '.join(calibrated)}: those that it is of"
        return list(map(explainer.method, calibrated)), [why]
    if wanted != "all":
        asked = [explainer.method(spec) for spec in wanted.split(",")]
        usual = f"methods by default: {wanted}: of the cheapest; --methods all has more"
        once = {spec_of(one): one for one in asked}
        others = [one for spec, one in once.items() if spec not in BASELINES]  # they come anyway
        return others, [usual] if wanted == default else []
    reasons = ["methods by all: every one that can explain this network"]
    usable = []
    for spec, method in usable_methods(explainer, dataset, list(METHODS)):
        if isinstance(method, CamError):
            reasons.append(f"without {spec}: {method}")
        else:
            usable.append(method)
    return usable, reasons
