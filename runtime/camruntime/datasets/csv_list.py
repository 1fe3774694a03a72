"""A CSV list of pictures and classes: `1.jpg,cat`."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from camruntime.datasets._found import Entry, Found, read_text
from camruntime.errors import DatasetError

_HEADER = {"file", "filename", "image", "path", "name", "class", "label"}


def read_csv(path: Path) -> Found:
    """Read rows of a file, relative to the list, and a class.

    The class may be missing. A first row such as `file,class` is a header when there is no such
    file. A picture listed with several classes gives samples called `FILE#CLASS`.

    Args:
        path: the list, or the folder that holds it as `labels.csv`.

    Raises:
        DatasetError: the list cannot be read, or a row has other columns.
    """
    path = path / "labels.csv" if path.is_dir() else path
    rows = _rows(path)
    times = Counter(file for file, _ in rows)
    entries, left_out = [], []
    for file, category in rows:
        image = path.parent / file
        if not image.is_file():
            left_out.append(f"{file}: there is no such file beside {path.name}")
            continue
        name = f"{file}#{category}" if times[file] > 1 else file
        entries.append(Entry(name=name, image=image, category=category))
    return Found(entries, left_out)


def _rows(path: Path) -> list[tuple[str, str]]:
    """File and class of every row; each pair once, no header."""
    try:
        lines = list(csv.reader(read_text(path).splitlines(), skipinitialspace=True))
    except csv.Error as error:
        raise DatasetError(f"{path} is not a CSV file: {error}") from error
    rows = {_row(cells, number, path): None for number, cells in enumerate(lines, 1) if any(cells)}
    found = list(rows)
    return found[1:] if found and _is_header(found[0], path.parent) else found


def _row(cells: list[str], number: int, path: Path) -> tuple[str, str]:
    if len(cells) > 2:
        raise DatasetError(
            f"{path} line {number}: expected file,class, got {len(cells)} columns; "
            "put a class with a comma in double quotes"
        )
    file, category = (*cells, "")[:2]
    return file.strip(), category.strip()


def _is_header(row: tuple[str, str], folder: Path) -> bool:
    return row[0].lower() in _HEADER and not (folder / row[0]).is_file()
