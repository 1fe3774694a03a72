"""An evaluation as one HTML page that needs nothing beside it: no network, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from camruntime.bundle import in_words
from camruntime.evaluation.report.curves import cost_section, curves_section
from camruntime.evaluation.report.gallery import GalleryPicture, gallery_section
from camruntime.evaluation.report.good_parts import good_section
from camruntime.evaluation.report.groups import groups_section
from camruntime.evaluation.report.mistakes import MistakePicture, mistakes_section
from camruntime.evaluation.report.notes import findings_html, notes_html
from camruntime.evaluation.report.page import facts_html, page_html, script
from camruntime.evaluation.report.table import table_section
from camruntime.evaluation.summary import Summary

NAMES = {
    "results": "Results",
    "groups": "Classes and sizes",
    "mistakes": "Mistakes",
    "good": "Good parts and defects",
    "pictures": "Pictures",
    "curves": "Curves",
    "cost": "Quality and cost",
}


def report_html(
    summary: Summary,
    gallery: Sequence[GalleryPicture],
    mistakes: Sequence[MistakePicture] = (),
) -> str:
    """The page as text, to be written in UTF-8.

    Args:
        summary: what was measured.
        gallery: pictures in the order of their methods; may be empty.
        mistakes: pictures that the network classifies wrongly, those to be seen first in front.

    Raises:
        ImageError: a picture cannot be encoded.
    """
    parts = {
        "results": table_section(summary),
        "groups": groups_section(summary),
        "mistakes": mistakes_section(summary, mistakes),
        "good": good_section(summary),
        "pictures": gallery_section(gallery, summary),
        "curves": curves_section(summary),
        "cost": cost_section(summary),
    }
    links = "".join(f'<a href="#{key}">{NAMES[key]}</a>' for key, part in parts.items() if part)
    said = f"{findings_html(summary)}{_facts(summary)}{notes_html(summary)}"
    header = f"{said}{_failed(summary)}<nav>{links}</nav>"
    body = "\n".join([*filter(None, parts.values()), script()])
    return page_html(f"Saliency methods on {summary.model}", header, body)


def _facts(summary: Summary) -> str:
    weights = escape(summary.weights)
    accuracy = "unknown" if summary.accuracy is None else f"{100 * summary.accuracy:.1f} %"
    facts = {
        "Model": escape(summary.model),
        "Layer": f"<code>{escape(summary.layer)}</code>",
        "Weights": f'<code title="SHA-256 {weights}">{weights[:12]}</code>',
        "Provider": escape(summary.provider),
        "Probabilities": escape(in_words(summary.answer)),
        "Data set": f"{escape(summary.dataset)} ({escape(summary.kind)})",
        "Samples": f"{summary.samples:,}",
        "Accuracy": accuracy,
        "Mean probability": f"{100 * summary.probability:.1f} %",
    }
    return facts_html(facts)


def _failed(summary: Summary) -> str:
    if not summary.failed:
        return ""
    lines = "".join(f"<li>{escape(line)}</li>" for line in summary.failed)
    title = f"Left out ({len(summary.failed):,})"
    return f'<details class="failed"><summary>{title}</summary><ul>{lines}</ul></details>'
