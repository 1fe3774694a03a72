"""Specs: an object and its options in one word, `name:option=value`, as command lines take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, get_args, get_origin

from camruntime._decode import DecodeError, decode, type_hints
from camruntime.errors import CamError, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """Frozen dataclasses by name; their fields are the options.

    Attributes:
        what: what they are, for messages.
        error: raised for a spec that names nothing.
        kinds: the classes.
        named: names for a class with some options set, such as a paper's own for its variants.
    """

    what: str
    error: type[CamError]
    kinds: dict[str, type[T]] = field(default_factory=dict)
    named: dict[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)

    def make(self, spec: str, options: Mapping[str, object] | None = None) -> T:
        """The object that `spec` names, with `options` set besides those in the spec.

        Raises:
            CamError: `error`: no such name or option, or a value that the option does not take.
        """
        given, *settings = spec.split(":")
        name, preset = self.named.get(given, (given, {}))
        if name not in self.kinds:
            known = [*self.kinds, *self.named]
            raise self.error(f"no {self.what} '{name}': {nearest(name, known)}")
        kind: type = self.kinds[name]
        hints = type_hints(kind)
        values = {**preset, **self._parse(name, settings, hints), **(options or {})}
        known = [one.name for one in dataclasses.fields(kind)]
        for option in sorted(values.keys() - set(known)):
            raise self.error(f"{name} has no option '{option}': {nearest(option, known)}")
        try:
            return decode(kind, {**dataclasses.asdict(kind()), **values}, name)
        except DecodeError as error:
            raise self.error(str(error)) from error

    def spec_of(self, made: T) -> str:
        """The shortest spec that makes it: its name and the options that differ from default."""
        name = next(name for name, kind in self.kinds.items() if kind is type(made))
        fields = dataclasses.fields(made)  # type: ignore[arg-type]
        given = [(one.name, getattr(made, one.name), one.default) for one in fields]
        return ":".join(
            [name, *(f"{option}={value}" for option, value, usual in given if value != usual)]
        )

    def _parse(
        self, name: str, settings: Sequence[str], hints: Mapping[str, object]
    ) -> dict[str, object]:
        values: dict[str, object] = {}
        for setting in settings:
            option, equals, text = setting.partition("=")
            if not equals:
                raise self.error(f"expected {name}:option=value, got '{setting}' after '{name}'")
            values[option] = _from_text(text, hints.get(option))
        return values


def choices(kind: type) -> dict[str, tuple[str, str]]:
    """For help texts: every option with its default and the values that it takes."""
    hints = type_hints(kind)
    described = {}
    for one in dataclasses.fields(kind):
        allowed = get_args(hints[one.name])
        values = ", ".join(map(str, allowed)) if allowed else hints[one.name].__name__
        described[one.name] = (str(one.default), values)
    return described


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
