"""Where a photograph lies, seen from the file that names it."""

from __future__ import annotations

import os
from pathlib import Path


def seen_from(folder: Path, image: Path) -> str:
    """The path from `folder` to `image`, with `/`; from the root where there is none.

    As the disk has it: behind a link to a folder, `..` leads out of what it links to.
    """
    place = Path(os.path.realpath(image.parent)) / image.name
    try:
        return Path(os.path.relpath(place, os.path.realpath(folder))).as_posix()
    except ValueError:  # on another drive
        return place.as_posix()
