"""What is calibrated: methods, targets and alpha, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import CalibrationError
from camruntime.explainer import Explainer
from camruntime.explaining import Target
from camruntime.good_parts.targets import Targets, targets_of
from camruntime.methods import Method, spec_of, unit_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is calibrated.

    Attributes:
        methods: those whose maps have a unit, or are relative.
        targets: what is explained.
        alpha: at most this share of good parts is to show any evidence.
        left_out: methods that cannot be calibrated, one line each.
    """

    methods: tuple[Method, ...]
    targets: Targets
    alpha: float
    left_out: tuple[str, ...] = ()


def plan(
    explainer: Explainer,
    methods: Sequence[str | Method] = ("recipro-cam",),
    targets: Sequence[Target] | None = None,
    alpha: float = 0.01,
) -> Plan:
    """What will be calibrated, checked before anything is computed.

    Args:
        explainer: of the bundle.
        methods: at least one.
        targets: classes and contrasts, as `Explainer.explain` takes them; None takes all classes,
            and, where the bundle names the class of good parts, each rather than it and all others
            together.
        alpha: at most this share of good parts is to show any evidence, for each target by itself.

    Raises:
        CalibrationError: no alpha above 0 and at most 0.5, or no method that can be calibrated.
        TargetError, MethodError, BundleError: as `Explainer.explain`.
    """
    if not is_between(alpha, 1e-6, 0.5):
        raise CalibrationError(
            "alpha is the share of good parts that may show evidence, above 0 and at most 0.5 (5 "
            f"percent are 0.05), got {shown(alpha)}"
        )
    if targets is not None and (not targets or None in targets):
        raise CalibrationError(
            "expected classes or contrasts as targets, at least one, got "
            f"{shown(targets)}: None in the place of the list takes all"
        )
    chosen = [explainer.method(one) for one in methods]
    usable = tuple(one for one in chosen if unit_of(one) is not None)
    left_out = tuple(
        f"method {spec_of(one)}: it does not say which unit its maps have, so they compare with no "
        "other picture's"
        for one in chosen
        if one not in usable
    )
    if not usable:
        raise CalibrationError("; ".join(left_out) or "expected at least one method, got none")
    once = tuple({spec_of(one): one for one in usable}.values())
    return Plan(
        methods=once,
        targets=targets_of(explainer.bundle.manifest, targets),
        alpha=float(f"{alpha:.9g}"),  # what is meant by 1 - 0.95, or by 0.05 in float32
        left_out=left_out,
    )
