"""Saliency methods by name, and helpers that go around them.

A spec names a method and its options in one word, as the command line and `Explainer.explain` take
it: `recipro-cam`, `score-cam:preset=official`, `recipro-cam:mask=gaussian:score=logit`. A helper
comes before its method: `sess/recipro-cam`, `smooth:samples=8/evet/grad-cam`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from camruntime._specs import Registry, choices
from camruntime._text import named, shown
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps

__all__ = [
    "BASELINES",
    "HELPERS",
    "METHODS",
    "NAMED",
    "RELATIVE",
    "Method",
    "checked_method",
    "choices",
    "make_method",
    "method_of",
    "name_of",
    "options_of",
    "preferred",
    "register",
    "register_helper",
    "spec_of",
    "unit_of",
]

RELATIVE = "relative"
"""The unit of a map whose values say where, and not how much: another picture's compare with them
no more than percentages of different sums do."""


class Method(Protocol):
    """A saliency method: a frozen dataclass whose fields are its options.

    It may also have an attribute or property `prefers`, see `preferred`, and `unit`, see `unit_of`;
    and `multiplies`, False where it multiplies no matrices itself, so that nobody needs to look
    after NumPy's threads (`camruntime.methods._run`), which takes a part of a small explanation.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def needs(self) -> frozenset[str]:
        """The graphs of a bundle that it runs beside head and tail."""
        ...

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps of one image, one for each target."""
        ...


METHODS: dict[str, type[Method]] = {}

BASELINES: dict[str, type[Method]] = {}
"""Maps that look at no network, to measure methods against; `make_method` knows them too."""

HELPERS: dict[str, type[Method]] = {}
"""What goes around a method, its field `method`, and is one itself."""

NAMED: dict[str, tuple[str, Mapping[str, object]]] = {}
"""Names for a method with some options set, such as a paper's own names for its variants."""

M = TypeVar("M", bound=type[Method])

_KEPT = 256
_made: dict[str, Method] = {}
"""By spec, as a line asks for the same one for every picture; until its class is another one."""


def register(
    name: str, named: Mapping[str, Mapping[str, object]] | None = None
) -> Callable[[M], M]:
    """Class decorator: make a method available under `name`, with options set under `named`."""

    def enter(method: M) -> M:
        METHODS[name] = method
        NAMED.update({short: (name, options) for short, options in (named or {}).items()})
        return method

    return enter


def register_helper(name: str) -> Callable[[M], M]:
    """Class decorator: make a helper available under `name`."""

    def enter(helper: M) -> M:
        HELPERS[name] = helper
        return helper

    return enter


def make_method(spec: str, options: Mapping[str, object] | None = None) -> Method:
    """The method that `spec` names, with `options` set besides those in the spec.

    Of several, one around the other, the options are the outermost's.

    Raises:
        MethodError: no such method or option, or a value that the option does not take.
    """
    if options or not isinstance(spec, str):
        return _make(spec, options)
    made = _made.get(spec)
    if made is None or not _is_known(made):
        if len(_made) >= _KEPT:
            _made.clear()
        made = _made[spec] = _make(spec, None)
    return made


def _make(spec: object, options: Mapping[str, object] | None) -> Method:
    if not isinstance(spec, str):
        raise MethodError(f"expected the name of a method, got {shown(spec)}")
    around, inner = list[str](), spec
    while (parts := _parted(inner))[1] is not None:
        helper, inner = parts[0], str(parts[1])
        around.append(helper)
    made = _known().make(inner, None if around else options)
    for at, helper in reversed(list(enumerate(around))):
        made = _known().make(helper, options if at == 0 else None, {"method": made})
    return made


def _parted(spec: str) -> tuple[str, str | None]:
    """A helper's own spec and that of what it goes around; all of another spec, and None.

    An option's value may hold a slash, too, as a path does: a method's, not a helper's.
    """
    name = name_of(spec)
    if spec.startswith("/"):
        raise MethodError(f"'{named(spec)}' begins with a slash: write helper/method, or a method")
    if not _is_helper(name):
        if spec[len(name) :].startswith("/"):
            raise MethodError(
                f"'{_known().found(name)}' goes around no other method, as "
                f"{', '.join(sorted(HELPERS))} do: write those first, as in smooth/{named(name)}"
            )
        return spec, None
    helper, _, inner = spec.partition("/")
    if not inner:
        raise MethodError(f"'{named(name)}' goes around a method: write {named(helper)}/grad-cam")
    return helper, inner


def name_of(spec: str) -> str:
    """What stands first in a spec: a method's name, or the outermost helper's."""
    return re.split("[:/]", spec, maxsplit=1)[0]


def _is_helper(name: str) -> bool:
    try:
        return _known().found(name) in HELPERS
    except MethodError:
        return False


def _is_known(made: Method) -> bool:
    """Whether its class, and that of what it goes around, are the registered ones."""
    inner = _inner(made)
    return type(made) in _known().kinds.values() and (inner is None or _is_known(inner))


def _inner(made: Method) -> Method | None:
    """What a helper goes around; None of what is none."""
    return made.method if type(made) in HELPERS.values() else None  # type: ignore[attr-defined]


def checked_method(method: Method) -> Method:
    """A method object, once its options are seen to be of their types.

    Raises:
        MethodError: it is no method, or an option has a value that it does not take.
    """
    inner = _inner(method)
    if inner is not None:
        checked_method(inner)
    if not hasattr(method, "needs"):
        raise MethodError(f"expected a method's name, or one as an object, got {shown(method)}")
    return _known().checked(method)


def method_of(method: str | Method, options: Mapping[str, object] | None = None) -> Method:
    """The method that a caller means, by name or spec with `options`, or as an object.

    Raises:
        MethodError: as of `make_method` and `checked_method`; or an object comes with options.
    """
    if isinstance(method, str):
        return make_method(method, options)
    chosen = checked_method(method)
    if options:
        raise MethodError(f"options {sorted(options)} go with a method's name, not an object")
    return chosen


def spec_of(method: Method) -> str:
    """The shortest spec that makes `method`: its name and the options that differ from default."""
    inner = _inner(method)
    own = _known().spec_of(method)
    return own if inner is None else f"{own}/{spec_of(inner)}"


def options_of(method: Method) -> dict[str, object]:
    """All options by name, defaults too; of a helper, `method` is its method's spec in full."""
    fields = dataclasses.fields(method)
    own = {one.name: getattr(method, one.name) for one in fields}
    inner = _inner(method)
    return own if inner is None else {**own, "method": _spec_in_full(inner)}


def _spec_in_full(method: Method) -> str:
    inner = _inner(method)
    own = _known().spec_of(method, in_full=True)
    return own if inner is None else f"{own}/{_spec_in_full(inner)}"


def preferred(methods: Iterable[Method]) -> frozenset[str]:
    """The graphs that any of `methods` would like to be run with the plain pass.

    A method says so in `prefers`, a frozen set of graphs' names as `needs` is; one that does not
    prefer anything need not have it. `cells` is the one that can come with the pass: a method that
    asks for `Graphs.logits_of_single_cells` then finds the answer there.
    """
    return frozenset[str]().union(*(getattr(one, "prefers", ()) for one in methods))


def unit_of(method: Method) -> str | None:
    """The unit of a method's raw maps, the same on every picture; or `RELATIVE`.

    A method says so in `unit`, as an attribute or property; None where it does not, as baselines
    do, which look at no network.
    """
    found: str | None = getattr(method, "unit", None)
    return found


def _known() -> Registry[Method]:
    return Registry("method", MethodError, {**METHODS, **BASELINES, **HELPERS}, NAMED)
