"""Saliency methods by name.

A spec names a method and its options in one word, as the command line and `Explainer.explain` take
it: `recipro-cam`, `score-cam:preset=official`, `recipro-cam:mask=gaussian:score=logit`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from camruntime._decode import DecodeError, decode
from camruntime.errors import MethodError, nearest
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps


class Method(Protocol):
    """A saliency method: a frozen dataclass whose fields are its options.

    Attributes:
        needs: the graphs of a bundle that it runs beside head and tail.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    needs: ClassVar[frozenset[str]]

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps of one image, one for each target."""
        ...


METHODS: dict[str, type[Method]] = {}

NAMED: dict[str, tuple[str, Mapping[str, object]]] = {}
"""Names for a method with some options set, such as a paper's own names for its variants."""

M = TypeVar("M", bound=type[Method])


def register(
    name: str, named: Mapping[str, Mapping[str, object]] | None = None
) -> Callable[[M], M]:
    """Class decorator: make a method available under `name`, with options set under `named`."""

    def enter(method: M) -> M:
        METHODS[name] = method
        NAMED.update({short: (name, options) for short, options in (named or {}).items()})
        return method

    return enter


def make_method(spec: str, options: Mapping[str, object] | None = None) -> Method:
    """The method that `spec` names, with `options` set besides those in the spec.

    Raises:
        MethodError: no such method or option, or a value that the option does not take.
    """
    given, *settings = spec.split(":")
    name, preset = NAMED.get(given, (given, {}))
    if name not in METHODS:
        raise MethodError(f"no method '{name}': {nearest(name, [*METHODS, *NAMED])}")
    kind = METHODS[name]
    values = {**preset, **_parse(name, settings, get_type_hints(kind)), **(options or {})}
    known = [field.name for field in dataclasses.fields(kind)]
    for option in sorted(values.keys() - set(known)):
        raise MethodError(f"{name} has no option '{option}': {nearest(option, known)}")
    try:
        complete = {**dataclasses.asdict(kind()), **values}
        return decode(kind, complete, name)
    except DecodeError as error:
        raise MethodError(str(error)) from error


def spec_of(method: Method) -> str:
    """The shortest spec that makes `method`: its name and the options that differ from default."""
    name = next(name for name, kind in METHODS.items() if kind is type(method))
    fields = dataclasses.fields(method)
    given = [(field.name, getattr(method, field.name), field.default) for field in fields]
    return ":".join(
        [name, *(f"{option}={value}" for option, value, usual in given if value != usual)]
    )


def choices(kind: type[Method]) -> dict[str, tuple[str, str]]:
    """For help texts: every option with its default and the values that it takes."""
    hints = get_type_hints(kind)
    described = {}
    for field in dataclasses.fields(kind):
        allowed = get_args(hints[field.name])
        values = ", ".join(map(str, allowed)) if allowed else hints[field.name].__name__
        described[field.name] = (str(field.default), values)
    return described


def _parse(name: str, settings: Sequence[str], hints: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for setting in settings:
        option, equals, text = setting.partition("=")
        if not equals:
            raise MethodError(f"expected {name}:option=value, got '{setting}' after '{name}'")
        values[option] = _from_text(text, hints.get(option))
    return values


def _from_text(text: str, kind: object) -> object:
    """`text` as the number that an option is annotated with; as it is where it is none."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if get_origin(kind) is Literal and text.isdecimal():
        return int(text)
    try:
        return kind(text) if kind is int or kind is float else text
    except ValueError:
        return text  # the check of the option's type names it
