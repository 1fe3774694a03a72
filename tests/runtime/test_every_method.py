"""The list of all methods that other tests walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from camruntime.methods import BASELINES, HELPERS, METHODS, make_method, name_of
from every_method import (
    CHEAPER,
    EVERY,
    NOT_WALKED,
    SEVERAL_LAYERS,
    every_but,
    kinds,
    listed,
    neither_listed_nor_number,
    variants,
)


def test_no_registered_method_is_left_out() -> None:
    walked = {name_of(spec) for spec in (*EVERY, *SEVERAL_LAYERS)}
    assert walked == METHODS.keys() | BASELINES.keys() | HELPERS.keys()
    assert CHEAPER.keys() <= METHODS.keys() | HELPERS.keys()


def test_every_value_that_an_option_lists_is_walked() -> None:
    for name, kind in {**kinds(), **HELPERS}.items():
        every = (*EVERY, *SEVERAL_LAYERS)
        made = [make_method(spec) for spec in every if name_of(spec) == name]
        for option, values in listed(kind).items():
            assert {getattr(one, option) for one in made} == set(values), f"{name}:{option}"


def test_options_that_cannot_be_walked_are_written_down() -> None:
    """A new option that is a text is listed here, or has `Literal` values."""
    found = {
        (name, one)
        for name, kind in {**kinds(), **HELPERS}.items()
        for one in neither_listed_nor_number(kind)
    }
    assert found == NOT_WALKED.keys()


@dataclass(frozen=True, kw_only=True)
class Several:
    """Options of every type."""

    kind: Literal["a", "b", 3] = "b"
    smooth: bool = True
    count: int = 5
    text: str = "x"


def test_variants_of_a_new_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "several", Several)
    assert variants("several") == [
        "several",
        "several:kind=a",
        "several:kind=3",
        "several:smooth=False",
    ]
    assert neither_listed_nor_number(Several) == {"text"}


def test_exceptions_are_known_by_name() -> None:
    rest = every_but({"cam": "reason", "score-cam": "reason"})
    assert set(EVERY) - set(rest) == {
        spec for spec in EVERY if spec.partition(":")[0] in ("cam", "score-cam")
    }
    with pytest.raises(AssertionError, match=r"no such methods: .*'came'"):
        every_but({"came": "misspelt"})
