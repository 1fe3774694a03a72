"""What a part found, in a file of its own that is never half written: so a run can go on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Status = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Left:
    """Something that was not measured, or not as it was asked for, and why.

    Attributes:
        what: in words.
        why: the reason, or an error in one line.
        failed: whether it should have worked.
    """

    what: str
    why: str
    failed: bool = False


@dataclass(frozen=True)
class Result:
    """What a part found so far.

    Attributes:
        status: `running` in the file of a part that was cut.
        seconds: that it took, the start of its process included.
        rows: by the names of the part's own fields.
        left: what was not measured.
    """

    status: Status
    seconds: float
    rows: tuple[Mapping[str, Any], ...] = ()
    left: tuple[Left, ...] = field(default=())

    def of(self, kind: type[T]) -> list[T]:
        """The rows, as what they were."""
        return [kind(**row) for row in self.rows]


def read_result(folder: Path, part: str) -> Result | None:
    """A part's; None where there is none."""
    file = folder / f"{part}.json"
    if not file.is_file():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    left = tuple(Left(**each) for each in found["left"])
    return Result(found["status"], found["seconds"], tuple(found["rows"]), left)


def write_result(folder: Path, part: str, result: Result) -> None:
    """In place of the one before."""
    text = json.dumps(dataclasses.asdict(result), indent=1, allow_nan=False)
    write_whole(folder / f"{part}.json", text)


def write_whole(file: Path, text: str) -> None:
    """Written aside and renamed."""
    aside = file.with_name(f".{file.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)
