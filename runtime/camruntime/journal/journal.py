"""Results on disk, appended as they come: work that is interrupted goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from camruntime._decode import DecodeError, decode
from camruntime._strict_json import json_bytes, parse_json
from camruntime._whole_files import cannot_write, write_whole
from camruntime.errors import EvaluationError
from camruntime.journal.lock import FolderLock

JOURNAL = "results.jsonl"
DAMAGED = "results.jsonl.damaged"
_BEGIN = b'{"schema_version"'


class Row(Protocol):
    """A line of the results: a dataclass, ready for JSON."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> Hashable:
        """What it is of; of two with the same key the first one counts."""
        ...


R = TypeVar("R", bound=Row)


class Journal(Generic[R]):
    """`results.jsonl` in a folder: a line that says what is measured, then a line for each row.

    Attributes:
        rows: those that were there, one for each key, and those that were added.
        damaged: numbers of lines that hold no row. The file as it was is kept as `DAMAGED` beside
            it when rows are added.
    """

    def __init__(
        self,
        folder: Path,
        conditions: Mapping[str, object],
        kind: type[R],
        fits: Callable[[R], bool],
    ) -> None:
        """Read it, where there is one.

        Args:
            folder: made when the journal is held, and removed if nothing is added.
            conditions: what all rows have in common, ready for JSON.
            kind: what a line holds.
            fits: whether a row can be one of these; else it is damaged.

        Raises:
            EvaluationError: the folder holds results under other conditions, or something else.
        """
        self._folder, self._path = folder, folder / JOURNAL
        self._head = json_bytes(conditions)
        self._kind, self._fits = kind, fits
        self._lock: FolderLock | None = None
        self.rows: list[R] = []
        self.damaged: tuple[int, ...] = ()
        self._size = len(self._load()[1])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from adding rows, and put right what is damaged; `add` needs it.

        Raises:
            EvaluationError: another process holds it, or added rows under other conditions.
            OutputError: the folder cannot be written.
        """
        if self._lock is not None:
            yield
            return
        self._lock = FolderLock(self._folder)
        try:
            self._mend(*self._load())  # again, as another run may have added rows since
            yield
        finally:
            self._let_go()

    def add(self, row: R) -> None:
        """Keep a row; when this returns, it outlives the process.

        The file is made with its first row, and made again if somebody removed it or its folder.

        Raises:
            OutputError: it cannot be written. Rows before it are whole on the disk, if the disk is.
            EvaluationError: the folder was removed, and another run has begun in its place.
        """
        if not self._is_as_left():
            self._restore()
        self._append(_line(row))
        self.rows.append(row)

    def _is_as_left(self) -> bool:
        there = self._path.stat().st_size if self._path.is_file() else 0
        return 0 < there == self._size and self._lock is not None and self._lock.holds()

    def _restore(self) -> None:
        if self._lock is None or not self._lock.holds():
            self._let_go()
            self._lock = FolderLock(self._folder)
        self._rewrite()

    def _let_go(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _rewrite(self) -> None:
        content = self._head + b"\n" + b"".join(map(_line, self.rows))
        write_whole({self._path: content})
        self._size = len(content)

    def _append(self, line: bytes) -> None:
        try:
            with self._path.open("ab", buffering=0) as file:
                written = 0
                while written < len(line):
                    written += file.write(line[written:])
        except OSError as error:
            with suppress(OSError):  # nothing of the line stays; else the next run takes it away
                os.truncate(self._path, self._size)
            kept = f"{len(self.rows)} results are kept; "
            raise cannot_write(self._path, error, kept) from error
        self._size += len(line)

    def _load(self) -> tuple[bytes, bytes]:
        """Take the rows from the file; what it holds, and the part of that in whole lines."""
        self.rows, self.damaged = [], ()
        content = self._content()
        whole = content[: content.rfind(b"\n") + 1]  # the last line may be cut off
        if not whole and (content.startswith(_BEGIN) or _BEGIN.startswith(content)):
            return content, whole  # so is the first one, or nothing is there
        head, *lines = (whole or content).removesuffix(b"\n").split(b"\n")
        self._compare(head)
        read = {number: self._row(line) for number, line in enumerate(lines, 2)}
        found = [row for row in read.values() if row is not None]
        self.damaged = tuple(number for number, row in read.items() if row is None)
        once: dict[Hashable, R] = {}
        for row in found:
            once.setdefault(row.key, row)
        self.rows = list(once.values())
        return content, whole

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise EvaluationError(f"cannot read {self._path}: {error.strerror or error}") from error

    def _mend(self, content: bytes, whole: bytes) -> None:
        self._size = len(whole)
        if self.damaged:
            write_whole({self._path.with_name(DAMAGED): content})
        if self.damaged or whole.count(b"\n") > 1 + len(self.rows):
            self._rewrite()
        elif len(whole) < len(content):
            try:
                os.truncate(self._path, len(whole))
            except OSError as error:
                raise cannot_write(self._path, error) from error

    def _compare(self, head: bytes) -> None:
        try:
            found = parse_json(head.decode())
        except ValueError as error:
            raise EvaluationError(
                f"{self._path} holds no results: its first line is damaged, {error}; put it right, "
                "or move the file away to begin anew"
            ) from error
        mine = json.loads(self._head)
        for name, wanted in mine.items():
            before = found.get(name) if isinstance(found, dict) else None
            if before != wanted:
                raise EvaluationError(
                    f"{self._path} was measured with {name} {before}, not {wanted}: "
                    "give another --out, or remove the folder"
                )

    def _row(self, line: bytes) -> R | None:
        """The row in a line; None where it is damaged."""
        try:
            row = decode(self._kind, parse_json(line.decode()), "row")
        except (ValueError, DecodeError):
            return None
        return row if self._fits(row) else None


def _line(row: Row) -> bytes:
    return json_bytes(dataclasses.asdict(row)) + b"\n"
