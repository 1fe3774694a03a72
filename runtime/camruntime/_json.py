"""JSON as its standard has it, read and written: any strict reader takes what is written here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_DIGITS = 300
"""Longest number that is read: Python's integers have no end, its floats end at 308 digits."""


def parse_json(text: str) -> Any:
    """The value that `text` holds.

    Raises:
        ValueError: it is no JSON, or some that readers disagree about: a name twice in an object,
            NaN, numbers beyond float64, nesting that no reader follows.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_bytes(value: object, indent: int | None = None) -> bytes:
    """`value` as JSON in UTF-8; what `plain` changes is changed.

    A file name that is no UTF-8 is escaped, so that Python reads it back as it was.
    """
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def plain(value: object) -> object:
    """`value` with Python's numbers for NumPy's, and None for NaN and infinity: JSON has none."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{twice!r:.60} stands twice in an object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"it holds {text}, which is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text:.20} is beyond float64")
    return value


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"it holds a number of {len(text)} digits")
    return int(text)
