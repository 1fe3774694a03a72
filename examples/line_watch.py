"""Whether a new bundle or calibration lies in the place of the old one."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[tuple[object, ...], ...]


class Watch:
    """Looks at files now and then, from the moment on that it is made.

    Args:
        bundle: a folder.
        calibration: a file, where there is one.
    """

    def __init__(self, bundle: Path, calibration: Path | None) -> None:
        self._bundle, self._calibration = bundle, calibration
        self._used = self._newest = self._stamp()

    def changed(self, anyway: bool = False) -> bool:
        """Whether there is something new, once, and nobody writes it any more.

        Args:
            anyway: whatever is there counts as new.
        """
        before, self._newest = self._newest, self._stamp()
        if not anyway and (self._newest == self._used or self._newest != before):
            return False
        self._used = self._newest
        return True

    def _stamp(self) -> Stamp:
        """What changes when one of them does."""
        found = []
        for file in [*sorted(self._bundle.rglob("*")), self._calibration or self._bundle]:
            try:
                seen = file.stat()
            except OSError:  # between two renames
                continue
            found.append((str(file), seen.st_ino, seen.st_size, seen.st_mtime_ns))
        return tuple(found)
