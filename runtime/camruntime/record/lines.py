"""Records as lines of JSON, and read again: whole, of this schema, and what they say agrees."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path

from camruntime._decode import DecodeError, decode
from camruntime._strict_json import json_bytes, parse_json
from camruntime._text import named
from camruntime.errors import RecordError
from camruntime.record.record import SCHEMA_VERSION, Record

_LONGEST = 2**24  # bytes of a line


@cache
def _schema_text() -> str:
    return files("camruntime.record").joinpath("record.schema.json").read_text("utf-8")


def schema() -> dict[str, object]:
    """The JSON Schema of a line, draft 2020-12; a new one for each call."""
    found: dict[str, object] = json.loads(_schema_text())
    return found


def to_line(record: Record) -> bytes:
    """A record as a line of JSON in UTF-8, with its end."""
    return json_bytes(asdict(record)) + b"\n"


def from_line(line: bytes, where: str = "the line") -> Record:
    """The record in a line, with or without its end.

    Args:
        line: JSON in UTF-8.
        where: for errors.

    Raises:
        RecordError: it is damaged, or of another schema.
    """
    try:
        return _decoded(line)
    except DecodeError as error:
        raise RecordError(f"{where} is no record of schema {SCHEMA_VERSION}: {error}") from error
    except ValueError as error:  # of the reader of JSON, and of UTF-8
        raise RecordError(
            f"{where} is no JSON, {error}: it was damaged or is something else; remove the line to "
            "read the others"
        ) from error


def _decoded(line: bytes) -> Record:
    found = parse_json(line.decode("utf-8"))
    version = found.get("schema_version") if isinstance(found, Mapping) else None
    if type(version) is not int or version != SCHEMA_VERSION:
        raise DecodeError(
            f"its schema_version is {version!r:.40}; read it with the camruntime that wrote it"
        )
    return decode(Record, found, "record")


def read_records(path: str | Path) -> Iterator[tuple[int, Record]]:
    """The records in a file, each with the number of its line, from 1 on.

    Raises:
        RecordError: the file cannot be read, or a line of it holds no record; the message names it.
    """
    file = Path(path)
    try:
        with file.open("rb") as lines:
            number = 0
            while line := lines.readline(_LONGEST):
                number += 1
                yield number, _read(line, f"{named(file)}, line {number}")
    except (OSError, ValueError) as error:  # the latter of a path with a NUL
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise RecordError(
            f"cannot read {named(file)}: {reason}; give what --record or RecordLog wrote"
        ) from error


def _read(line: bytes, where: str) -> Record:
    if not line.endswith(b"\n"):
        end = f"is longer than {_LONGEST} bytes" if len(line) == _LONGEST else "is cut off"
        raise RecordError(
            f"{where} {end}: whatever wrote it was ended meanwhile; remove the line, or open the "
            "file with RecordLog, which does"
        )
    return from_line(line, where)
