"""The pictures of a report, drawn again, as they are not kept; with what is marked on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from camruntime.errors import DatasetError, ImageError
from camruntime.evaluation.confusion import KINDS
from camruntime.evaluation.evaluate import Evaluation
from camruntime.evaluation.gallery import worth_seeing
from camruntime.evaluation.inspection import Mistake
from camruntime.evaluation.report import GalleryPicture, MistakePicture
from camruntime.evaluation.row import Row
from camruntime.evaluation.summary import Summary
from camruntime.pictures import Picture, outlined

MOST = 12
"""Pictures of a kind of mistake: of more nobody looks at each."""

Tell = Callable[[str], None]
"""Called with a line about a picture that cannot be drawn: it was there when it was measured."""


def gallery_pictures(evaluation: Evaluation, tell: Tell) -> Iterator[GalleryPicture]:
    """Each method at its best, in the middle, and at its worst."""
    labels = evaluation.explainer.labels
    for rank, row in worth_seeing(evaluation.rows(), evaluation.metrics):
        picture = _drawn(evaluation, row, row.target, tell)
        if picture is None:
            continue
        name, value = next((name, value) for name, value in row.values.items() if value is not None)
        yield GalleryPicture(
            method=row.method,
            rank=rank,
            sample=row.sample,
            caption=f"{labels[row.target]} {row.probability:.2f}, {name} {value:.3g}",
            picture=picture,
        )


def mistake_pictures(
    evaluation: Evaluation, summary: Summary, tell: Tell
) -> Iterator[MistakePicture]:
    """Misses, false alarms, other confusions: of each kind the first few, by the best method."""
    every = () if summary.confusion is None else summary.confusion.mistakes
    method = summary.best or summary.methods[0].method
    rows = {row.sample: row for row in evaluation.rows() if row.method == method}
    for kind in KINDS:
        for mistake in [one for one in every if one.kind == kind][:MOST]:
            if row := rows.get(mistake.sample):
                yield from _mistake(evaluation, mistake, row, tell)


def _mistake(
    evaluation: Evaluation, mistake: Mistake, row: Row, tell: Tell
) -> Iterator[MistakePicture]:
    """Of a miss the map of the defect, else of what the network took the picture for.

    With a calibration always its own: of `not good`, where the bundle names that class.
    """
    target = row.target if mistake.kind == "miss" else row.predicted
    picture = _drawn(evaluation, row, target, tell)
    if picture is not None:
        shown = evaluation.drawn_class(target)
        yield MistakePicture(
            kind=mistake.kind,
            sample=mistake.sample,
            caption=f"{mistake.truth}, taken for {mistake.predicted}; {row.method} of {shown}",
            picture=picture,
        )


def _drawn(evaluation: Evaluation, row: Row, target: int, tell: Tell) -> Picture | None:
    sample = evaluation.sample(row.sample)
    try:
        made = evaluation.drawn(sample, row.method, target)
        height, width = made.shape[:2]
        marked = sample.locate((height, width)) if sample.locate else None
    except (DatasetError, ImageError) as error:
        tell(f"not drawn: {row.sample}: {error}")
        return None
    return made if marked is None else outlined(made, marked.mask, marked.boxes)
