"""Methods side by side on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from camruntime.datasets import Sample
from camruntime.evaluation.report import data_uri, facts_html, page_html, spec_html
from camruntime.evaluation.row import Row, measured
from camruntime.explainer import Explainer
from camruntime.explaining import Photograph
from camruntime.metrics import Metric, make_metric
from camruntime.pictures import Picture, contact_sheet


@dataclass(frozen=True, eq=False)
class Compared:
    """One method: what it measured, and the photograph with its saliency, uint8 RGB."""

    row: Row
    picture: Picture

    @property
    def lines(self) -> list[str]:
        """What stands under the picture: metrics, then what the explanation cost."""
        values = [
            f"{name} {'-' if value is None else f'{value:.1f}'}"
            for name, value in self.row.values.items()
        ]
        passes = "1 pass" if self.row.passes == 1 else f"{self.row.passes} passes"
        cost = f"{passes}, {1000 * self.row.seconds:.0f} ms"
        return [*values, *(["no evidence"] if self.row.no_evidence else []), cost]


_RELATIVE = "relative scales: red is each map's own maximum"


def compare_method(
    explainer: Explainer,
    sample: Sample,
    photograph: Photograph,
    spec: str,
    metrics: Sequence[Metric],
) -> Compared:
    """One method on the picture of `sample`.

    Raises:
        CamError: the method cannot be used.
    """
    outcome = explainer.outcome(photograph, spec)
    (explanation,) = outcome.explanations
    return Compared(measured(sample, outcome, metrics), explanation.overlay())


def comparison_sheet(photo: Picture, found: Sequence[Compared], labels: Sequence[str]) -> Picture:
    """All pictures with their numbers, uint8 RGB."""
    row = found[0].row
    tiles = [(row.sample, photo), *((one.row.method, one.picture) for one in found)]
    below = [
        f"{labels[row.target]} {row.probability:.3f}\n{_RELATIVE}",
        *("\n".join(one.lines) for one in found),
    ]
    return contact_sheet(tiles, columns=5, below=below)


def comparison_html(explainer: Explainer, photo: Picture, found: Sequence[Compared]) -> str:
    """The same as a page."""
    manifest, row = explainer.bundle.manifest, found[0].row
    facts = {
        "Model": escape(manifest.model),
        "Layer": f"<code>{escape(manifest.layer_names)}</code>",
        "Explained class": f"{escape(explainer.labels[row.target])} {row.probability:.3f}",
        "Top class": escape(explainer.labels[row.predicted]),
        "Colours": _RELATIVE,
        "Metrics": ", ".join(_reading(spec) for spec in row.values),
    }
    first = _figure("photograph", photo, [])
    figures = "".join(_figure(spec_html(one.row.method), one.picture, one.lines) for one in found)
    body = f'<section class="side-by-side">{first}{figures}</section>'
    return page_html(f"Saliency methods on {row.sample}", facts_html(facts), body)


def _reading(spec: str) -> str:
    info = make_metric(spec).info
    return f'<span title="{escape(info.description)}">{escape(spec)} {info.arrow}</span>'


def _figure(title: str, picture: Picture, lines: Sequence[str]) -> str:
    uri, width, height = data_uri(picture)
    text = "<br>".join(map(escape, lines))
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="">'
        f'<figcaption><span class="rank">{title}</span> '
        f'<span class="sample">{text}</span></figcaption></figure>'
    )
