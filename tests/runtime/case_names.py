"""What a parametrised test's case is called: `4x6` and `sigma=2`, where pytest says `grid0`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath

import numpy as np

_LONGEST = 50


def pytest_make_parametrize_id(config: object, val: object, argname: str) -> str | None:
    """A hook of pytest's; None leaves a name to pytest, which has good ones for these."""
    if isinstance(val, str) and len(val) > _LONGEST:
        return f"...{val[-_LONGEST:]}".replace("\n", " ")  # where long messages differ
    if val is None or isinstance(val, (str, bytes, bool, int, float, complex, type)):
        return None
    return _name(val)[:_LONGEST]


def _name(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_name(one)}" for key, one in value.items()) or "nothing"
    if isinstance(value, (tuple, list)):
        plain = all(isinstance(one, int) for one in value)
        return ("x" if plain else ",").join(map(_name, value)) or "nothing"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {_name(value.shape)}"
    if callable(value) and hasattr(value, "__name__"):
        name: str = value.__name__
        if name == "<lambda>":
            raise ValueError("a lambda has no name: say pytest.param(..., id=...)")
        return name.strip("_")
    if is_dataclass(value):
        set_ = {one.name: getattr(value, one.name) for one in fields(value)}
        usual = {one.name: one.default for one in fields(value)}
        changed = {option: one for option, one in set_.items() if one != usual[option]}
        return f"{type(value).__name__}({_name(changed) if changed else ''})"
    if isinstance(value, (str, int, float, PurePath, np.generic)) or value is None:
        return str(value)
    return type(value).__name__
