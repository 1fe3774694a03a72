"""Specs: an object and its options in one word, `name:option=value`, as command lines take them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, cast, get_args, get_origin

import numpy as np

from camruntime._decode import DecodeError, decode, type_hints
from camruntime._text import named, shown
from camruntime.errors import CamError, nearest

T = TypeVar("T")

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Registry(Generic[T]):
    """Frozen dataclasses by name; their fields with a default are the options.

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

    def make(
        self,
        spec: str,
        options: Mapping[str, object] | None = None,
        beside: Mapping[str, object] | None = None,
    ) -> T:
        """The object that `spec` names, with `options` set besides those in the spec.

        A name may be written in other ways, and as the class: see `bare`. `beside` holds the fields
        that are no options.

        Raises:
            CamError: `error`: no such name or option, or a value that the option does not take.
        """
        if not isinstance(spec, str):
            raise self.error(f"expected the name of a {self.what}, got {shown(spec)}")
        given, *settings = spec.split(":")
        found = self.found(given)
        name, preset = self.named.get(found, (found, {}))
        kind: type = self.kinds[name]
        hints = type_hints(kind)
        parsed = self._parse(name, settings, hints)
        for option in sorted(parsed.keys() & set(options or ())):
            raise self.error(f"{name}: option '{named(option)}' is given twice")
        values = {**preset, **parsed, **(options or {})}
        usual = {one.name: one.default for one in option_fields(kind)}
        for option in sorted(values.keys() - usual.keys()):
            known = nearest(option, list(usual)) if usual else "it has none"
            raise self.error(f"{name} has no option '{named(option)}': {known}")
        return self._made(name, {**usual, **values}, beside or {})

    def found(self, given: str) -> str:
        """The registered name that somebody's means.

        Raises:
            CamError: `error`: there is none, or more than one.
        """
        names = [*self.kinds, *self.named]
        if given in names:
            return given
        alike = [name for name in names if bare(given) in self._ways(name)]
        if not alike:
            close = nearest(given.lower(), names)
            raise self.error(f"no {self.what} '{named(given)}': {close}")
        if len(alike) > 1:
            raise self.error(f"'{named(given)}' may be {' or '.join(alike)}: write one of them")
        return alike[0]

    def _ways(self, name: str) -> set[str]:
        kind = self.kinds.get(name)
        return {bare(name)} | ({bare(kind.__name__)} if kind else set())

    def checked(self, made: T) -> T:
        """The same, once its options are seen to be of their types; others' classes as they are.

        Raises:
            CamError: `error`: it is none of `what`, or an option has a value that it does not take.
        """
        if isinstance(made, type) and dataclasses.is_dataclass(made):
            raise self.error(
                f"got the class {made.__name__}: write {made.__name__}(), with any options in the "
                "brackets"
            )
        if isinstance(made, type) or not dataclasses.is_dataclass(made) or not callable(made):
            raise self.error(
                f"expected the name of a {self.what}, or one as an object, got {shown(made)}"
            )
        for name, kind in self.kinds.items():
            if type(made) is kind:
                given = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
                values = {one.name: given.pop(one.name) for one in option_fields(kind)}
                return self._made(name, values, given)
        return made

    def _made(self, name: str, values: Mapping[str, object], beside: Mapping[str, object]) -> T:
        kind: type = self.kinds[name]
        hints = type_hints(kind)
        try:
            plain = {
                option: decode(
                    hints[option],
                    self._plain(f"{name}.{option}", value, hints[option]),
                    f"{name}.{option}",
                )
                for option, value in values.items()
            }
        except DecodeError as error:
            raise self.error(str(error)) from error
        try:
            return cast(T, kind(**plain, **beside))
        except ValueError as error:  # fields that contradict each other
            raise self.error(f"{name}: {error}") from error

    def _plain(self, option: str, value: object, hint: object) -> object:
        """Python's own number or text of an option's value; NumPy's scalars become those."""
        plain = value.item() if isinstance(value, np.generic) else value
        if type(plain) not in (bool, int, float, str):
            raise self.error(f"{option}: expected a number or a text, found {shown(value)}")
        plain = _meant(plain, hint) if isinstance(plain, str) else plain
        if get_origin(hint) is Literal and type(plain) not in map(type, get_args(hint)):
            raise self.error(f"{option}: expected one of {get_args(hint)}, found {shown(value)}")
        if isinstance(plain, int) and abs(plain) > _LARGEST:
            raise self.error(f"{option}: expected at most {_LARGEST}, found {shown(value)}")
        return plain

    def spec_of(self, made: T, *, in_full: bool = False) -> str:
        """The shortest spec that makes it: its name and the options that differ from default.

        Or, in full, with all options. The name of what is not registered is its class's, by which
        nothing is found.
        """
        kind = type(made)
        name = next((name for name, known in self.kinds.items() if known is kind), None)
        fields = option_fields(kind) if name else dataclasses.fields(made)  # type: ignore[arg-type]
        given = [(one.name, getattr(made, one.name), one.default) for one in fields]
        shown = (f"{option}={value}" for option, value, usual in given if in_full or value != usual)
        return ":".join([name or kind.__name__, *shown])

    def _parse(
        self, name: str, settings: Sequence[str], hints: Mapping[str, object]
    ) -> dict[str, object]:
        values: dict[str, object] = {}
        for setting in settings:
            option, equals, text = setting.partition("=")
            if not equals:
                raise self.error(
                    f"expected {name}:option=value, got '{named(setting)}' after '{name}'"
                )
            if option in values:
                raise self.error(f"{name}: option '{named(option)}' is given twice")
            values[option] = _from_text(text, hints.get(option))
        return values


def option_fields(kind: type) -> list[dataclasses.Field[object]]:
    """A dataclass's fields that have a default; what has none is no option."""
    return [one for one in dataclasses.fields(kind) if one.default is not dataclasses.MISSING]


def bare(name: str) -> str:
    """What is left of a name in all ways to write it: `gradcam++` of Grad-CAM++ or GradCAMpp.

    Case, hyphens and underscores are left out; `pp` and `PlusPlus` at its end are `++`.
    """
    letters = name.lower().replace("-", "").replace("_", "")
    for ending in ("plusplus", "pp"):
        letters = letters.removesuffix(ending) + ("++" if letters.endswith(ending) else "")
    return letters


def _meant(text: str, hint: object) -> str:
    """The one of an option's values that a text means, as `make` finds names; else the text."""
    values = get_args(hint) if get_origin(hint) is Literal else ()
    alike = [one for one in values if isinstance(one, str) and bare(one) == bare(text)]
    return alike[0] if len(alike) == 1 else text


def choices(kind: type) -> dict[str, tuple[str, str]]:
    """For help texts: every option with its default and the values that it takes."""
    hints = type_hints(kind)
    described = {}
    for one in option_fields(kind):
        allowed = get_args(hints[one.name])
        values = ", ".join(map(str, allowed)) if allowed else hints[one.name].__name__
        described[one.name] = (str(one.default), values)
    return described


def _from_text(text: str, kind: object) -> object:
    """`text` as the number that an option is annotated with; as it is where it is none."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        if get_origin(kind) is Literal and text.isdecimal():
            return int(text)
        return kind(text) if kind is int or kind is float else text
    except ValueError:
        return text  # the check of the option's type names it
