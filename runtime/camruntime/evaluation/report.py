"""An evaluation as one HTML page that needs nothing beside it: no network, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from camruntime.evaluation._report_curves import cost_section, curves_section
from camruntime.evaluation._report_gallery import GalleryPicture, gallery_section
from camruntime.evaluation._report_table import table_section
from camruntime.evaluation.summary import Summary

__all__ = ["GalleryPicture", "report_html"]

# The browser itself refuses whatever would leave the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
NAMES = {
    "results": "Results",
    "curves": "Curves",
    "cost": "Quality and cost",
    "pictures": "Pictures",
}


def report_html(summary: Summary, gallery: Sequence[GalleryPicture]) -> str:
    """The page as text, to be written in UTF-8.

    Args:
        summary: what was measured.
        gallery: pictures in the order of their methods; may be empty.

    Raises:
        ImageError: a picture cannot be encoded.
    """
    parts = {
        "results": table_section(summary),
        "curves": curves_section(summary),
        "cost": cost_section(summary),
        "pictures": gallery_section(gallery),
    }
    links = "".join(f'<a href="#{key}">{NAMES[key]}</a>' for key, part in parts.items() if part)
    title = f"Saliency methods on {escape(summary.model)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>\n{_file('report.css')}</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1>{_facts(summary)}{_failed(summary)}<nav>{links}</nav></header>\n"
        f"<main>\n{chr(10).join(filter(None, parts.values()))}\n</main>\n"
        f"<script>\n{_file('report.js')}</script>\n</body>\n</html>\n"
    )


def _facts(summary: Summary) -> str:
    weights = escape(summary.weights)
    accuracy = "unknown" if summary.accuracy is None else f"{100 * summary.accuracy:.1f} %"
    facts = {
        "Model": escape(summary.model),
        "Layer": f"<code>{escape(summary.layer)}</code>",
        "Weights": f'<code title="SHA-256 {weights}">{weights[:12]}</code>',
        "Provider": escape(summary.provider),
        "Data set": f"{escape(summary.dataset)} ({escape(summary.kind)})",
        "Samples": f"{summary.samples:,}",
        "Accuracy": accuracy,
    }
    entries = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{"".join(entries)}</dl>'


def _failed(summary: Summary) -> str:
    if not summary.failed:
        return ""
    count = len(summary.failed)
    lines = "".join(f"<li>{escape(line)}</li>" for line in summary.failed)
    title = f"{count:,} {'sample' if count == 1 else 'samples'} could not be evaluated"
    return f'<details class="failed"><summary>{title}</summary><ul>{lines}</ul></details>'


def _file(name: str) -> str:
    return files("camruntime.evaluation").joinpath(name).read_text("utf-8")
