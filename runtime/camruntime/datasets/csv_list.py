"""A CSV list of pictures and classes: `1.jpg,cat`."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from camruntime.datasets._found import Entry, Found, brief, is_file, read_text
from camruntime.errors import DatasetError

_HEADER = {"file", "filename", "image", "path", "name", "class", "label"}


def read_csv(path: Path) -> Found:
    """Read rows of a file, relative to the list or with its whole path, and a class.

    The class may be missing. A first row such as `file,class` is a header when there is no such
    file. A picture listed with several classes gives samples called `FILE#CLASS`.

    Args:
        path: the list, or the folder that holds it as `labels.csv`.

    Raises:
        DatasetError: the list cannot be read.
    """
    path = path / "labels.csv" if path.is_dir() else path
    rows, left_out = _rows(path)
    times = Counter(file for file, _ in rows)
    entries = []
    for file, category in rows:
        image = path.parent / file
        if not is_file(image):
            hint = "; columns are separated by commas" if re.search("[;\t|]", file) else ""
            left_out.append(f"{brief(file)}: there is no such file beside {path.name}{hint}")
            continue
        name = f"{file}#{category}" if times[file] > 1 else file
        entries.append(Entry(name=name, image=image, category=category))
    return Found(entries, left_out)


def _rows(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """File and class of every row, each pair once, no header; and rows of another form."""
    rows: dict[tuple[str, str], None] = {}
    wrong = []
    # Not `splitlines`: names may hold what it takes for the end of a line, and so may quotes.
    text = io.StringIO(read_text(path), newline="")
    reader = csv.reader(text, skipinitialspace=True, strict=True)
    try:
        for cells in filter(any, reader):
            if len(cells) > 2:
                wrong.append(
                    f"{path} line {reader.line_num}: expected file,class, got {len(cells)} "
                    "columns; put a class with a comma in double quotes"
                )
            else:
                file, category = (*cells, "")[:2]
                rows[file.strip(), category.strip()] = None
    except csv.Error as error:
        raise DatasetError(f"{path} line {reader.line_num} is not CSV: {error}") from error
    found = list(rows)
    return found[1:] if found and _is_header(found[0], path.parent) else found, wrong


def _is_header(row: tuple[str, str], folder: Path) -> bool:
    return row[0].lower() in _HEADER and not is_file(folder / row[0])
