"""Where the names of a scatter plot's points go, so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence

from camruntime.evaluation.report.axes import Frame

CHARACTER = 6.9  # a label's width per character, in pixels, rather too wide than too narrow
LINE = 14  # a label's height
GAP = 14  # from a point to its label

Box = tuple[float, float, float, float]


def place_labels(
    centres: Sequence[tuple[float, float]], names: Sequence[str], frame: Frame
) -> list[tuple[float, float]]:
    """Left end and middle height of each label, as near to the right of its point as is free.

    Args:
        centres: of the points, in pixels.
        names: what is written.
        frame: labels stay between its top and its bottom.
    """
    points = [(x - 6, y - 6, x + 6, y + 6) for x, y in centres]
    placed: dict[int, Box] = {}
    # From the right and the top: a point then meets the labels that stand right of it.
    for index in sorted(range(len(names)), key=lambda i: (-centres[i][0], centres[i][1])):
        (x, y), width = centres[index], CHARACTER * len(names[index])
        taken = [*points, *placed.values()]
        boxes = [_box(x + GAP, y + shift, width) for shift in _shifts(frame)]
        inside = [box for box in boxes if frame.top <= box[1] and box[3] <= frame.bottom]
        free = (box for box in inside if not any(_overlap(box, other) for other in taken))
        placed[index] = next(free, boxes[0])
    return [(placed[i][0], (placed[i][1] + placed[i][3]) / 2) for i in range(len(names))]


def _shifts(frame: Frame) -> list[float]:
    reach = int(frame.bottom - frame.top)
    return [0.0, *(float(sign * step) for step in range(2, reach, 2) for sign in (-1, 1))]


def _box(left: float, middle: float, width: float) -> Box:
    return left, middle - LINE / 2, left + width, middle + LINE / 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
