"""The report's confusion matrix, with its pictures: misses and false alarms first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from camruntime.evaluation.findings import mistakes_line
from camruntime.evaluation.inspection import Confusion, MistakeKind
from camruntime.evaluation.report.gallery import data_uri
from camruntime.evaluation.report.notes import sentence
from camruntime.evaluation.report.tables import Rows, cell, scrolling
from camruntime.evaluation.summary import Summary
from camruntime.pictures import Picture

TITLES: dict[MistakeKind, str] = {
    "miss": "Misses: defects that the network called good",
    "false alarm": "False alarms: good parts that the network called defects",
    "confusion": "Other confusions",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class MistakePicture:
    """A sample that the network classifies wrongly, drawn.

    Attributes:
        kind: of mistake.
        sample: its name.
        caption: what is to be known of it.
        picture: uint8 RGB `(H, W, 3)`.
    """

    kind: MistakeKind
    sample: str
    caption: str
    picture: Picture


def mistakes_section(summary: Summary, pictures: Sequence[MistakePicture]) -> str:
    """The matrix and the pictures; empty where no class is known.

    Raises:
        ImageError: a picture cannot be encoded.
    """
    found = summary.confusion
    if found is None:
        return ""
    head = ["True class", *map(escape, found.predicted)]
    table = scrolling("Confusion matrix", head, [("", _rows(found, summary.good))])
    shown = "".join(_pictures(kind, found, pictures) for kind in TITLES)
    return (
        f'<section id="mistakes"><h2>Mistakes</h2><p>{sentence(mistakes_line(summary))}</p>{table}'
        '<p class="note">Rows: what the data set says. Columns: what the network says.</p>'
        f"{shown}</section>"
    )


def _rows(found: Confusion, good: str | None) -> Rows:
    lines = zip(found.truths, found.counts, found.right, strict=True)
    return [
        [
            escape(truth),
            *(
                _count(count, count == right, truth == good, label == good)
                for count, right, label in zip(counts, rights, found.predicted, strict=True)
            ),
        ]
        for truth, counts, rights in lines
    ]


def _count(count: int, right: bool, is_good: bool, called_good: bool) -> str:
    if not count:
        return cell("0", "missing")
    wrong = "miss" if called_good else "alarm" if is_good else "other"
    return cell(f"{count:,}", "right" if right else wrong)


def _pictures(kind: MistakeKind, found: Confusion, pictures: Sequence[MistakePicture]) -> str:
    mine = [one for one in pictures if one.kind == kind]
    every = sum(one.kind == kind for one in found.mistakes)
    if not mine:
        return ""
    some = f"{len(mine):,} of {every:,} drawn" if len(mine) < every else f"{every:,}"
    figures = "".join(map(_figure, mine))
    return f'<h3 class="kind">{TITLES[kind]} ({some})</h3><div class="side-by-side">{figures}</div>'


def _figure(one: MistakePicture) -> str:
    uri, width, height = data_uri(one.picture)
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" loading="lazy" '
        f'decoding="async" alt="{escape(one.kind)}: {escape(one.sample)}">'
        f'<figcaption>{escape(one.caption)}<span class="sample">{escape(one.sample)}</span>'
        "</figcaption></figure>"
    )
