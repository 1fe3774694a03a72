"""Every method and baseline that is registered, in every variant: what tests of all methods walk.

A method that is added is walked from then on. What a test cannot ask of one is written down beside
that test, by name and with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args, get_origin, get_type_hints

from camruntime._specs import option_fields
from camruntime.methods import BASELINES, HELPERS, METHODS, make_method, name_of, spec_of

CHEAPER: Mapping[str, Mapping[str, object]] = {
    "smooth-grad-cam++": {"samples": 2},
    "integrated-grad-cam": {"steps": 3},
    "decom-cam": {"components": 3},
    "smooth": {"samples": 3},
    "sess": {"scales": 3},
    "is-cam": {"steps": 2},
    "ss-cam": {"samples": 2},
    "rise": {"masks": 40},
}
"""Methods whose passes are counted by an option: enough for chunks to differ."""

NOT_WALKED: Mapping[tuple[str, str], str] = {
    ("feature-cam", "edges"): "names an edge model: test_explainer.py makes some",
}
"""Options that are neither numbers nor have a list of values, and why they are not walked."""

SHARED = "its targets share the channels that are measured"
ALL_MEASURED = "anytime-score-cam:share=1.0"
"""That reason, and the variant to which it does not apply."""


def kinds() -> dict[str, type]:
    """Methods and baselines by name."""
    return {**METHODS, **BASELINES}


def variants(name: str) -> list[str]:
    """Specs: with the defaults, and with every other value of each option that lists its values."""
    kind, cheaper = kinds()[name], CHEAPER.get(name, {})
    usual = make_method(name)
    changes: list[dict[str, object]] = [{}]
    for option, values in listed(kind).items():
        changes += [{option: value} for value in values if value != getattr(usual, option)]
    return [spec_of(make_method(name, {**cheaper, **change})) for change in changes]


def helped(name: str) -> list[str]:
    """Specs of a helper around Grad-CAM, in its variants, and one around another helper."""
    cheap = "".join(f":{option}={value}" for option, value in CHEAPER.get(name, {}).items())
    options = listed(HELPERS[name]).items()
    others = [f":{option}={value}" for option, values in options for value in values[1:]]
    return [f"{name}{cheap}{other}/grad-cam" for other in ["", *others]]


def listed(kind: type) -> dict[str, tuple[object, ...]]:
    """The values of each option that lists them."""
    hints = {option: get_type_hints(kind)[option] for option in _options(kind)}
    literals = {
        option: get_args(one) for option, one in hints.items() if get_origin(one) is Literal
    }
    return {**literals, **{option: (False, True) for option, one in hints.items() if one is bool}}


def neither_listed_nor_number(kind: type) -> set[str]:
    """Options whose values `variants` cannot know."""
    hints = get_type_hints(kind)
    return {
        option
        for option in _options(kind)
        if option not in listed(kind) and hints[option] not in (int, float)
    }


def _options(kind: type) -> list[str]:
    return [one.name for one in option_fields(kind)]


SEVERAL_LAYERS = (
    *helped("layers"),
    *("layers/recipro-cam", "layers/score-cam", "smooth:samples=2/layers/grad-cam"),
    "layers/evet/grad-cam",
)
"""Of bundles with several layers alone, which `two_layers.py` makes: walked beside the others."""

EVERY = (
    *(spec for name in kinds() for spec in variants(name)),
    *(spec for name in HELPERS if name != "layers" for spec in helped(name)),
    "smooth:samples=2/evet/recipro-cam",
)


def every_but(exceptions: Mapping[str, str]) -> list[str]:
    """All specs without those of `exceptions`, which gives methods the reason why they are none."""
    unknown = exceptions.keys() - kinds().keys() - HELPERS.keys()
    assert not unknown, f"no such methods: {unknown}"
    return [spec for spec in EVERY if name_of(spec) not in exceptions]
