"""JSON as its standard has it: read from files that may be damaged or made to harm, and written.

Python's reader takes more: `NaN`, a key twice, of which the last one counts, integers of thousands
of digits, which become no float, and nesting until its stack ends. Its writer writes `NaN`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

_DIGITS = 18  # of an integer: fits into 64 bits
_DEPTH = 32


def parse_json(text: str | bytes) -> object:
    """The value that `text` holds.

    Raises:
        ValueError: it is no JSON, or none that another reader would understand the same way.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if _depth(value) > _DEPTH:
        raise ValueError(f"it is nested deeper than {_DEPTH} levels")
    return value


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


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r:.60} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"the number {digits:.20}… has {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits:.20} is too large")
    return value


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [
        item
        for one in level
        if isinstance(one, (dict, list))
        for item in (one.values() if isinstance(one, dict) else one)
    ]:
        depth += 1
    return depth
