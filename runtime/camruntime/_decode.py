"""From parsed JSON to frozen dataclasses, or an error that names the field that is wrong."""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from camruntime._strict_json import parse_json
from camruntime._text import named

T = TypeVar("T")


class DecodeError(ValueError):
    """A value does not have the declared type; the message starts with the path to it."""


def decode(kind: type[T], value: object, path: str = "") -> T:
    """Build a dataclass of type `kind` from nested dicts and lists, checking every value.

    Understands dataclasses, str, int, float, bool, `X | None`, `Literal`, `tuple[X, ...]`, fixed
    tuples, `dict[str, X]`, and `object`, which is taken as it is. Unknown and missing fields are
    errors.
    """
    return typing.cast(T, _decode(kind, value, path))


def parse_object(data: bytes, file: Path, version: int, advice: str) -> dict[str, object]:
    """The JSON object in `data`, the content of `file`.

    Args:
        data: UTF-8.
        file: for errors.
        version: the only `schema_version` that is understood.
        advice: what to do about another one.

    Raises:
        DecodeError: it is no JSON object, or of another version.
    """
    try:
        raw = parse_json(data)
    except ValueError as error:
        raise DecodeError(f"{file} is not valid JSON: {error}") from error
    found = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or found != version:
        raise DecodeError(
            f"{file} has schema_version {found!r:.60}, this camruntime reads {version}: {advice}"
        )
    return raw


def fit(kind: type[T], raw: dict[str, object], file: Path, name: str) -> T:
    """The dataclass that `file` holds as `raw`; errors call it `name`."""
    try:
        return decode(kind, raw, name)
    except DecodeError as error:
        version = raw["schema_version"]
        raise DecodeError(f"{file} does not fit schema {version}: {error}") from error


def _decode(kind: object, value: object, path: str) -> object:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if value is None else _decode(options[0], value, path)
    if kind is object:
        return value
    if origin is typing.Literal:
        return _expect(value in typing.get_args(kind), value, path, str(typing.get_args(kind)))
    if origin is tuple:
        return _tuple(typing.get_args(kind), value, path)
    if origin is dict:
        _expect(isinstance(value, dict), value, path, "an object")
        item = typing.get_args(kind)[1]
        entries = typing.cast(dict[str, object], value).items()
        return {key: _decode(item, entry, f"{path}.{named(key)}") for key, entry in entries}
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type, kind), value, path)
    if kind is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(typing.cast(float, _expect(number, value, path, "a number")))
    return _expect(type(value) is kind, value, path, getattr(kind, "__name__", str(kind)))


def _tuple(kinds: tuple[object, ...], value: object, path: str) -> tuple[object, ...]:
    items = typing.cast(list[object], _expect(isinstance(value, list), value, path, "a list"))
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(items)
    _expect(len(items) == len(kinds), value, path, f"a list of {len(kinds)}")
    pairs = enumerate(zip(kinds, items, strict=True))
    return tuple(_decode(kind, item, f"{path}[{index}]") for index, (kind, item) in pairs)


@cache
def type_hints(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields; Python compiles their text each time that it is asked."""
    return typing.get_type_hints(kind)


def _dataclass(kind: type, value: object, path: str) -> object:
    given = typing.cast(dict[str, object], _expect(isinstance(value, dict), value, path, "object"))
    hints = type_hints(kind)
    fields = {field.name for field in dataclasses.fields(kind)}
    for name in sorted(fields ^ given.keys()):
        what = "missing" if name in fields else "not a known field"
        raise DecodeError(f"{path}.{named(name)}: {what}")
    values = {name: _decode(hints[name], given[name], f"{path}.{name}") for name in fields}
    try:
        return kind(**values)
    except ValueError as error:  # fields that contradict each other
        raise DecodeError(f"{path}: {error}") from error


def _expect(met: bool, value: object, path: str, expected: str) -> object:
    if not met:
        raise DecodeError(f"{path}: expected {expected}, found {value!r:.60}")
    return value
