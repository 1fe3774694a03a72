"""One run at a time in a folder: a lock that the system lets go of when its process ends."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from camruntime._whole_files import cannot_write
from camruntime.disk import is_at, lock_file
from camruntime.errors import EvaluationError

FILE = ".lock"


class FolderLock:
    """A lock on a folder; the file in it says who holds it, and may be left by a killed process."""

    def __init__(self, folder: Path) -> None:
        """Take it, and make the folder when it is missing.

        Raises:
            EvaluationError: another run holds it.
            OutputError: the folder cannot be written, or its disk knows no locks.
        """
        self._path = folder / FILE
        try:
            self._made = _make(folder)
            self._file = self._take()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def holds(self) -> bool:
        """Whether the locked file is still the one in the folder: a folder may be removed."""
        return is_at(self._file, self._path)

    def release(self) -> None:
        """Let go; folders that were made for nothing are removed."""
        mine = self.holds()
        # Removed while it is locked, so that it is nobody else's; Windows removes no open file.
        if mine and sys.platform != "win32":
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        with suppress(OSError):  # another run has opened it; a folder is not empty
            if mine and sys.platform == "win32":
                self._path.unlink(missing_ok=True)
            for folder in self._made:
                folder.rmdir()

    def _take(self) -> int:
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if not lock_file(file):
                    raise EvaluationError(
                        f"another run writes into {self._path.parent}: {_holder(self._path)}; "
                        "wait until it ends, or give another folder (--out)"
                    )
                if is_at(file, self._path):  # else its holder removed it while we opened it
                    _sign(file)
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)


def _make(folder: Path) -> list[Path]:
    """Make a folder; those that were missing, innermost first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _sign(file: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(file, 0)
    os.write(file, json.dumps(who).encode())


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text("utf-8"))
        return f"process {who['process']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just about to sign
        return "a process that has only begun"
