"""Tables of the page, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evidence.measures import Found, PixelScore, Row
from evidence.splits import ALPHAS, Promise, promise

PEER = "PatchCore"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines] + [""]


def promises(found: Found) -> list[str]:
    """What was promised of good parts, and what came."""
    head = ["promised at most", "calibrating, new", "came, mean", "from", "to", "95 % of splits"]
    return table([*head, "splits inside"], [_promise_row(found, alpha) for alpha in ALPHAS])


def _promise_row(found: Found, alpha: float) -> list[str]:
    one = promise(found.good_parts(), alpha)
    parts = f"{one.calibrating}, {one.new}"
    if not one.thresholds:
        return [_percent(alpha), parts, "too few good parts", "", "", "", ""]
    inside = sum(one.low <= share <= one.high for share in one.shares)
    expected = f"{_percent(one.low)} to {_percent(one.high)}"
    shares = [float(np.mean(one.shares)), min(one.shares), max(one.shares)]
    return [
        _percent(alpha),
        parts,
        *(_percent(share) for share in shares),
        expected,
        f"{inside} of {len(one.shares)}",
    ]


def methods(named: dict[str, Found]) -> list[str]:
    """Defects with colour, and with colour on the defect, by method and promise."""
    head = ["", *(f"colour at {_percent(a)}" for a in ALPHAS)]
    head += [*(f"on the defect at {_percent(a)}" for a in ALPHAS), "picture AUROC"]
    rows = [["relative scale", *["100"] * 3, *["-"] * 3, "50.0"]]
    for name, found in named.items():
        made = [promise(found.good_parts(), alpha) for alpha in ALPHAS]
        defects = found.defects()
        lit = [share_lit(defects, one) for one in made]
        on = [share_lit(defects, one, on_defect=True) for one in made]
        label = name if name == PEER else f"`{name}`"
        rows.append([label, *lit, *on, f"{100 * found.picture_auroc():.1f}"])
    return table(head, rows)


def groups(found: Found, peer: Found | None, alpha: float) -> list[str]:
    """By class and by size: colour at one promise, and pixels by scale."""
    scores = [*found.pixels, *(peer.pixels if peer else ())]
    scales = list(dict.fromkeys(one.scale for one in scores))
    head = ["defects", "", f"colour at {_percent(alpha)}", "on the defect"]
    head += [f"AUROC, {scale}" for scale in scales] + [f"PRO, {scale}" for scale in scales]
    made, rows = promise(found.good_parts(), alpha), []
    for group, those in found.groups().items():
        lit = [share_lit(those, made, on_defect=on) for on in (False, True)]
        cells = [
            _score(scores, scale, group, what) for what in ("auroc", "pro") for scale in scales
        ]
        rows.append([group, str(len(those)), *lit, *cells])
    return table(head, rows)


def quiet(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """False alarms, and their bound."""
    head = ["calibrating", "parts per false alarm", "within", "alarms", "at most"]
    return table(
        head,
        [
            [
                f"{one['calibrating']:,}",
                f"{one['per_alarm']:,}",
                f"{one['parts']:,} parts",
                f"{one['alarms']:.1%}",
                f"{one['bound']:.1%}",
            ]
            for one in rows
        ],
    )


def seen(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """How soon changes are seen."""
    head = ["", "change", "still called good", "parts until the alarm, median", "lines with one"]
    return table(
        head,
        [
            [
                str(one["data"]),
                str(one["change"]),
                f"{one['called_good']:.1%}",
                "-" if one["parts"] is None else f"{one['parts']:.0f}",
                f"{one['alarms']:.0%} within {one['within']} parts",
            ]
            for one in rows
        ],
    )


def share_lit(rows: Sequence[Row], made: Promise, on_defect: bool = False) -> str:
    """Percent of pictures with colour, mean over the splits' thresholds."""
    values = [row.on_defect if on_defect else row.strongest for row in rows]
    known = np.array([value for value in values if value is not None])
    if not made.thresholds or not len(known):
        return "-"
    return f"{100 * np.mean([(known > one).mean() for one in made.thresholds]):.1f}"


def _score(scores: Sequence[PixelScore], scale: str, group: str, what: str) -> str:
    for one in scores:
        if (one.scale, one.group) == (scale, group):
            return f"{100 * (one.auroc if what == 'auroc' else one.pro):.1f}"
    return "-"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
