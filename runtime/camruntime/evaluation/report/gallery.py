"""The report's pictures: each method at its best, in the middle, and at its worst."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from camruntime._opencv import cv2
from camruntime.errors import ImageError
from camruntime.evaluation.report.columns import spec_html
from camruntime.evaluation.summary import Summary
from camruntime.pictures import Picture

HEIGHT = 320  # of a picture in the page, at most, in pixels
JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 85),
    # Colours as fine as brightness: else a thin outline fades into the map.
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
OUTLINE = (
    '<span class="truth"></span>Magenta, which no map has, outlines where the data set says that '
    "it is: the shape that is marked, and the box around it."
)
RANKS = ("best", "median", "worst")


@dataclass(frozen=True, eq=False, kw_only=True)
class GalleryPicture:
    """A saliency map that is worth a look.

    Attributes:
        method: its spec.
        rank: where the sample stands among all samples of the method.
        sample: the sample's name.
        caption: what is to be known of it, such as `mud turtle 0.83, insertion 0.41`.
        picture: uint8 RGB `(H, W, 3)`.
    """

    method: str
    rank: Literal["best", "median", "worst"]
    sample: str
    caption: str
    picture: Picture


def gallery_section(gallery: Sequence[GalleryPicture], summary: Summary) -> str:
    """A row per method, and by what they are ordered; empty without pictures.

    Raises:
        ImageError: a picture cannot be encoded.
    """
    if not gallery:
        return ""
    methods = dict.fromkeys(picture.method for picture in gallery)
    rows = "".join(_row(name, [p for p in gallery if p.method == name]) for name in methods)
    return f'<section id="pictures"><h2>Pictures</h2>{_order(summary)}{rows}</section>'


def data_uri(picture: Picture) -> tuple[str, int, int]:
    """A JPEG as a data URI, with its width and height; taller pictures are scaled to `HEIGHT`.

    Raises:
        ImageError: OpenCV cannot encode it.
    """
    height, width = picture.shape[:2]
    if height > HEIGHT:
        width, height = max(1, round(width * HEIGHT / height)), HEIGHT
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", colours, JPEG)
    if not done:
        raise ImageError(f"OpenCV could not encode a picture of shape {picture.shape} as JPEG")
    text = base64.b64encode(data.tobytes()).decode("ascii")
    return f"data:image/jpeg;base64,{text}", width, height


def _order(summary: Summary) -> str:
    if not summary.leading:
        return f'<p class="note">{colours(summary)}</p>'
    first, *others = (escape(summary.metrics[metric].title) for metric in summary.leading)
    ties = f", ties by {', '.join(others)}" if others else ""
    outline = f" {OUTLINE}" if _located(summary) else ""
    return (
        f'<p class="note">Best, median and worst by {first}{ties}. {colours(summary)}{outline}</p>'
    )


def colours(summary: Summary) -> str:
    """What the colours of maps mean."""
    if summary.alpha is None:
        return (
            "The scale of colours is relative: every map is stretched to its own maximum, so a "
            "good part shows colour too. Calibrate with <code>camruntime calibrate</code>."
        )
    return (
        f"Colours begin where {1 - summary.alpha:.4g} of good parts end, and mean the same on "
        "every picture; baselines have no such threshold, and are relative."
    )


def _located(summary: Summary) -> bool:
    return summary.metrics[summary.leading[0]].category == "localisation"


def _row(method: str, pictures: Sequence[GalleryPicture]) -> str:
    ranked = sorted(pictures, key=lambda picture: RANKS.index(picture.rank))
    figures = "".join(map(_figure, ranked))
    return f'<section class="pictures"><h3>{spec_html(method)}</h3>{figures}</section>'


def _figure(picture: GalleryPicture) -> str:
    uri, width, height = data_uri(picture.picture)
    sample, caption = escape(picture.sample), escape(picture.caption)
    alt = escape(f"{picture.method} on {picture.sample}")
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="{alt}" '
        'loading="lazy" decoding="async">'
        f'<figcaption><span class="rank">{picture.rank.capitalize()}</span> {caption}'
        f'<span class="sample">{sample}</span></figcaption></figure>'
    )
