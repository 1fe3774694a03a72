"""A file of records: a line is appended for each part, for months."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from camruntime._text import shown
from camruntime._whole_files import cannot_write
from camruntime.disk import is_at, lock_file
from camruntime.errors import OutputError, RecordError
from camruntime.record.lines import to_line
from camruntime.record.record import Record

_BEGIN = b'{"schema_version"'
_TAIL = 2**16  # bytes that are read at once where the end of the last whole line is looked for


class RecordLog:
    """Appends records to a file; threads may share it, and one process writes into a file.

    A line is handed to the system as a whole before `add` returns, so it outlives the process; a
    power cut may take the lines of the last seconds. Where a line was cut off, as by a full disk,
    what is there of it is removed before the next one is written, also by the next process.

    The file may be renamed, removed, or copied and cut to nothing by another program, such as
    logrotate: the next line goes into a file of the name that was given.

    Args:
        path: of the file; it and its folder are made when they are missing.
        daily: a file for each day, by the records' own time in UTC: `records.jsonl` is
            `records-2026-01-31.jsonl`. Older ones are left where they are.

    Raises:
        OutputError: it cannot be written, or another process writes into it.
        RecordError: what is there are no lines of records.
    """

    def __init__(self, path: str | Path, daily: bool = False) -> None:
        if not isinstance(path, (str, Path)):
            raise OutputError(f"expected the path of a file for records, got {shown(path)}")
        self._path, self._daily = Path(path), daily
        self._lock = threading.Lock()
        self._file: int | None = None
        self._open_path = self._path
        if not daily:
            with self._lock:
                self._ready(self._path)

    def add(self, record: Record) -> None:
        """Append a record.

        Raises:
            OutputError: it cannot be written; the lines before it are whole, nothing of it is
                left, and the next one is tried anew.
        """
        line = to_line(record)
        path = self._of_day(record.time[:10]) if self._daily else self._path
        with self._lock:
            self._append(self._ready(path), line)

    def close(self) -> None:
        """Let go of the file; `add` opens it again."""
        with self._lock:
            self._let_go()

    def __enter__(self) -> RecordLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _of_day(self, day: str) -> Path:
        return self._path.with_name(f"{self._path.stem}-{day}{self._path.suffix}")

    def _ready(self, path: Path) -> int:
        """The open file of that name, which another program may have moved away."""
        if self._file is not None and path == self._open_path and is_at(self._file, path):
            return self._file
        self._let_go()
        self._file, self._open_path = _opened(path), path
        return self._file

    def _append(self, file: int, line: bytes) -> None:
        try:
            written = os.write(file, line)
            while written < len(line):  # a full disk takes a part, and says so of the rest
                written += os.write(file, line[written:])
        except OSError as error:
            with suppress(OSError):  # else whoever opens it next does
                _cut_to_lines(file)
            self._let_go()
            raise cannot_write(self._open_path, error, "the records before are kept; ") from error

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _opened(path: Path) -> int:
    """The file, locked, and behind its last whole line."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, flags, 0o666)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OutputError(f"{path} is no file that keeps records: expected a regular file")
        if not lock_file(file):
            raise OutputError(
                f"another process writes records into {path}: give each process its own file, or "
                "wait until that one ends"
            )
        _mend(file, path)
    except OSError as error:
        os.close(file)
        raise cannot_write(path, error) from error
    except BaseException:
        os.close(file)
        raise
    return file


def _mend(file: int, path: Path) -> None:
    """Remove a line that was cut off; of a file that holds something else nothing.

    After a power cut a file may end in zeros: the system had room for the line, and not the line.

    Raises:
        RecordError: it does not begin as a line of records does.
    """
    begin = _read_at(file, 0, len(_BEGIN)).rstrip(b"\0")
    if not _BEGIN.startswith(begin):
        raise RecordError(
            f"{path} holds no records: expected lines that begin with {_BEGIN.decode()}; give "
            "another file"
        )
    _cut_to_lines(file)


def _cut_to_lines(file: int) -> None:
    os.ftruncate(file, _end_of_lines(file, os.fstat(file).st_size))


def _end_of_lines(file: int, size: int) -> int:
    """Behind the last end of a line; 0 where there is none."""
    end = size
    while end > 0:
        start = max(0, end - _TAIL)
        found = _read_at(file, start, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read_at(file: int, start: int, count: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, count)
