"""The frame of a page that needs nothing beside it: no network, no other file."""

from __future__ import annotations

from html import escape
from importlib.resources import files

# The browser itself refuses whatever would leave the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page_html(title: str, header: str, body: str) -> str:
    """A whole page, to be written in UTF-8.

    Args:
        title: plain text.
        header: HTML below the title.
        body: HTML of the rest.
    """
    name = escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{name}</title>\n<style>\n{_file('report.css')}</style>\n</head>\n<body>\n"
        f"<header><h1>{name}</h1>{header}</header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def facts_html(facts: dict[str, str]) -> str:
    """Names and values, which are HTML."""
    entries = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{"".join(entries)}</dl>'


def script() -> str:
    """Sorts the table of results by a click on a column's head, and opens what is printed."""
    return f"<script>\n{_file('report.js')}</script>"


def _file(name: str) -> str:
    return files("camruntime.evaluation.report").joinpath(name).read_text("utf-8")
