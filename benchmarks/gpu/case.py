"""A part is a row of cases: each is measured, left out with a reason, or fails alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gpu.journal import Left


class NotHere(Exception):  # noqa: N818  # no error: what this device or environment has not
    """Why something cannot be measured here."""


@dataclass(frozen=True)
class Clock:
    """A part's time; what has begun is finished, and nothing begins afterwards."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def past(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def over(self) -> bool:
        """Whether nothing may begin any more."""
        return self.past > self.seconds

    def left(self, what: str) -> Left:
        """`what` was not begun."""
        return Left(what, f"the part's {self.seconds:g} s were over")


@dataclass(frozen=True)
class Case:
    """What is measured together.

    Attributes:
        what: in words.
        rows: measures it; dataclasses of the part's own, and what it leaves out itself.
    """

    what: str
    rows: Callable[[Clock], Iterable[Any]]

    def run(self, clock: Clock) -> Iterator[Any]:
        """Its rows, and in place of those that are missing the reason."""
        if clock.over:
            yield clock.left(self.what)
            return
        try:
            with heard() as lines:
                yield from self.rows(clock)
            yield from (Left(self.what, line) for line in dict.fromkeys(lines))
        except NotHere as reason:
            yield Left(self.what, str(reason))
        except Exception as error:  # whatever it is: the other cases go on
            yield Left(self.what, one_line(error), failed=True)


@contextmanager
def heard() -> Iterator[list[str]]:
    """What camruntime logs: that a graph is not recorded, or has a copy of its weights."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("camruntime")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def one_line(error: Exception) -> str:
    """Class and text; of several lines the last, which in ONNX Runtime's and torch's says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__
