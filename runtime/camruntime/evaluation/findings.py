"""What an evaluation found, in sentences, for the terminal and the page."""

from __future__ import annotations

from collections import Counter

from camruntime.evaluation.inspection import Confusion, Detection
from camruntime.evaluation.summary import MethodSummary, Summary

NAME_GOOD = (
    "Good parts are not known: this bundle does not name its class of good parts; name it with "
    "`camexport build --good LABEL` to have misses and false alarms counted."
)


def mistakes_line(summary: Summary) -> str:
    """How many misses, false alarms and other confusions; empty where no class is known."""
    found = summary.confusion
    if found is None:
        return ""
    known = sum(map(sum, found.counts))
    if summary.good is None:
        right = known - len(found.mistakes)
        return f"The network is right on {right} of {known} samples. {NAME_GOOD}"
    return f"{_mistakes(found)} in {known} samples."


def _mistakes(found: Confusion) -> str:
    counts = Counter(one.kind for one in found.mistakes)
    misses, alarms, others = (counts[kind] for kind in ("miss", "false alarm", "confusion"))
    return (
        f"{misses} {'miss' if misses == 1 else 'misses'} (a defect taken for good), "
        f"{alarms} false alarm{'' if alarms == 1 else 's'} (a good part taken for a defect), "
        f"{others} other confusion{'' if others == 1 else 's'}"
    )


def colour_line(method: MethodSummary) -> str:
    """How many good parts show colour; empty without a good part."""
    found = method.coloured
    if found is None:
        return ""
    said = f"{method.method}: {found.count} of {found.of} good parts show colour"
    if found.relative:
        return f"{said}: scale is relative, calibrate with `camruntime calibrate`"
    return f"{said}, and {found.defects} of {found.of_defects} defects"


def detection_line(found: Detection) -> str:
    """How well defects are told from good parts."""
    none, some = found.found[0], found.found[-1]
    return (
        f"{found.scored}: ROC area {found.area:.3f} ({found.defects} defects, {found.good_parts} "
        f"good parts); {none.defects} defects are found without a false alarm, {some.defects} with "
        f"at most {100 * some.at_most:.0f} % of false alarms"
    )


def findings(summary: Summary) -> list[str]:
    """All of it, the headline first."""
    best = [one for one in summary.methods if summary.best in (None, one.method)][:1]
    lines = [
        summary.headline,
        mistakes_line(summary),
        *map(colour_line, best),
        *map(detection_line, summary.detections),
    ]
    return [line for line in lines if line]
