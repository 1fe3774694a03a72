"""Plain tables of the report, in boxes that scroll; the first column stays."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]
"""Cells, which are HTML: of each row its name, then its `<td>` elements."""


def scrolling(label: str, head: Sequence[str], bodies: Sequence[tuple[str, Rows]]) -> str:
    """A table as HTML.

    Args:
        label: plain text for readers that do not see it.
        head: HTML of the columns' heads, that of the row's names first.
        bodies: groups of rows under a title each, which is HTML and may be empty.
    """
    heads = "".join(f'<th scope="col">{one}</th>' for one in head)
    groups = "".join(_body(title, rows, len(head)) for title, rows in bodies)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="plain"><thead><tr>{heads}</tr></thead>{groups}</table></div>'
    )


def cell(content: str, kind: str = "") -> str:
    """A cell of HTML, with a class of the style sheet."""
    return f'<td class="{kind}">{content}</td>' if kind else f"<td>{content}</td>"


def _body(title: str, rows: Rows, width: int) -> str:
    lines = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>' for name, *cells in rows
    )
    if not title:
        return f"<tbody>{lines}</tbody>"
    head = f'<tr><th colspan="{width}" scope="rowgroup"><span>{title}</span></th></tr>'
    return f'<tbody class="group">{head}</tbody><tbody>{lines}</tbody>'
