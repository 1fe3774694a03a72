"""Records that `camruntime explain` appends to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from camruntime.errors import CamError
from camruntime.explanation import Explanation
from camruntime.methods import Method

if TYPE_CHECKING:
    from camruntime.explainer import Explainer
    from camruntime.explaining import Target
    from camruntime.record import Record, RecordLog


@dataclass(frozen=True)
class Recording:
    """What `--record` asks for.

    Attributes:
        log: the file; None where it was not asked for.
        explainer: that explains.
        methods: in the order of their explanations.
        target: as it was asked for.
    """

    log: RecordLog | None
    explainer: Explainer
    methods: Sequence[Method]
    target: Target | None

    def made(self, image: Path, found: Sequence[Explanation] | CamError) -> list[Record]:
        """A picture's records, one for each method; of its error as well."""
        from camruntime.record import picture_of, record_of

        if self.log is None:
            return []
        several = [found] * len(self.methods) if isinstance(found, CamError) else found
        answers: Sequence[Explanation | CamError] = several
        photo = None if isinstance(found, CamError) else found[0].photo
        picture = picture_of(image, photo)
        return [
            record_of(answer, picture, self.explainer, target=self.target, method=method)
            for answer, method in zip(answers, self.methods, strict=True)
        ]

    def add(self, records: Sequence[Record]) -> None:
        """Append them.

        Raises:
            OutputError: the file cannot be written.
        """
        for one in records:
            if self.log is not None:
                self.log.add(one)


def record_log(path: Path | None) -> RecordLog | None:
    """The file of `--record`, opened.

    Raises:
        CamError: it cannot be written, or holds something else.
    """
    if path is None:
        return None
    from camruntime.record import RecordLog

    return RecordLog(path)
