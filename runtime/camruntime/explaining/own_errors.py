"""Errors that are a single image's own: with others, the next image would fare no better."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from camruntime.errors import BudgetError, CamError, ImageError, NonFiniteError, TargetError

Item = TypeVar("Item")
Done = TypeVar("Done")

OWN = (ImageError, TargetError, NonFiniteError, BudgetError)


def kept(work: Callable[[Item], Done]) -> Callable[[Item | CamError], Done | CamError]:
    """`work`, which returns an image's own error, and one that it is given."""

    def tried(item: Item | CamError) -> Done | CamError:
        if isinstance(item, CamError):
            return item
        try:
            return work(item)
        except OWN as error:
            return _light(error)

    return tried


def _light(error: CamError) -> CamError:
    """Without the frames that it came through: they hold the picture, as long as it is kept."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error
