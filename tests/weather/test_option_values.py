"""Every option of everything that is registered, with values that nobody should give.

Each is refused with an error of ours, in one line, or gives a finite result soon.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import camruntime
from camruntime import Explainer
from camruntime._specs import option_fields
from camruntime._text import printable
from camruntime.errors import CamError, MethodError, MetricError, TargetError
from camruntime.explaining import Photograph
from camruntime.graphs import Forward
from camruntime.methods import (
    BASELINES,
    HELPERS,
    METHODS,
    EigenCAM,
    make_method,
    run_method,
    spec_of,
)
from camruntime.metrics import METRICS, Case, make_metric

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = sorted((INSPECTOR / "samples").glob("*.png"))[0]
KINDS: Mapping[str, Any] = {**METHODS, **BASELINES, **HELPERS}
OPTIONS = [(name, one.name) for name, kind in KINDS.items() for one in option_fields(kind)]
OF_METRICS = [
    (name, one.name) for name, kind in METRICS.items() for one in dataclasses.fields(kind)
]
SOON = 5.0  # seconds, of two shared cores

COUNTS = {("rise", "masks"), ("ss-cam", "samples"), ("is-cam", "steps"), ("sess", "scales")}
"""Options that may be large, and then take as many passes as they say: not soon."""

FEWER: Mapping[str, Mapping[str, Any]] = {
    "rise": {"masks": 40},
    "ss-cam": {"samples": 1},
    "is-cam": {"steps": 1},
}

HOSTILE: tuple[object, ...] = (
    *(-1, 0, True, False, 1.5, 10**9, 10**30, 10**400, 10**5000, -(10**400)),
    *(1e6, 1e300, -1e300, 1e-320, math.nan, math.inf, -math.inf, 1j),
    *(None, "", "x", "1", "nan", "\x1b[31m", "a\0b", "a" * 5000, b"x"),
    *([], [1], {}, (1,), object(), int, np.zeros(3), np.array(3), np.float64("nan"), np.True_),
)


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=1)


@pytest.fixture(scope="module")
def photograph(explainer: Explainer) -> Photograph:
    return explainer.open(PHOTO)


@pytest.fixture(scope="module")
def forward(explainer: Explainer, photograph: Photograph) -> Forward:
    return explainer.graphs().forward(photograph.image)


def _text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python writes
        return "9" * 5001


def _check_said(error: CamError) -> None:
    said = str(error)
    assert printable(said) == said
    assert len(said) < 500


def _refused_or_finite(explainer: Explainer, forward: Forward, make: Callable[[], Any]) -> None:
    began = time.perf_counter()
    try:
        method = explainer.method(make())
        maps = run_method(method, explainer.graphs(), forward, [2])
    except CamError as error:
        _check_said(error)
    else:
        assert np.isfinite(maps.raw).all()
    assert time.perf_counter() - began < SOON


def _spec(name: str, settings: str = "") -> str:
    """Of a helper around a method that takes no time."""
    return f"{name}{settings}/eigen-cam" if name in HELPERS else f"{name}{settings}"


def _inner(name: str) -> dict[str, Any]:
    """The fields of a class that are no options."""
    return {"method": EigenCAM()} if name in HELPERS else {}


def _beside(name: str, option: str) -> dict[str, Any]:
    """Another option of a method, by which it takes no seconds."""
    fewer = FEWER.get(name, {})
    return {} if option in fewer else dict(fewer)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_methods(explainer: Explainer, forward: Forward, name: str, option: str) -> None:
    beside = _beside(name, option)
    for value in HOSTILE:
        makes = (
            lambda value=value: make_method(_spec(name), {option: value, **beside}),
            lambda value=value: KINDS[name](**{option: value}, **beside, **_inner(name)),
            lambda value=value: make_method(_spec(name, f":{option}={_text(value)}"), beside),
        )
        for make in makes:
            _refused_or_finite(explainer, forward, make)


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("feature-cam", "input", (True, 1.0, 4, "1 ", np.True_)),
        ("feature-cam", "k", (-0.1, 0.6, math.nan, True)),
        ("smooth-grad-cam++", "seed", (-1, 1.0, True, 2**63)),
        ("smooth-grad-cam++", "samples", (0, 10**9, 2.0)),
        ("smooth-grad-cam++", "sigma", (-1, 1e6, math.inf, math.nan)),
        ("integrated-grad-cam", "steps", (0, 10**9, 3.0, True)),
        ("decom-cam", "sigma", (0, 1e6, math.inf)),
        ("decom-cam", "components", (0, 10**9, 1.5)),
        ("random", "seed", (-1, 0.5)),
        ("edges", "sigma", (-1, 1e6)),
        ("anytime-score-cam", "share", (0, 1.1, math.nan)),
        ("anytime-score-cam", "certificate", (-0.1, 0.999, math.nan, True)),
        ("anytime-score-cam", "seed", (-1, 0.5)),
        ("score-cam", "preset", ("", "x", 1, None)),
    ],
)
def test_values_that_are_refused(name: str, option: str, values: tuple[object, ...]) -> None:
    for value in values:
        with pytest.raises(MethodError):
            make_method(name, {option: value})


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_text_and_number(explainer: Explainer, forward: Forward, data: st.DataObject) -> None:
    name, option = data.draw(st.sampled_from([one for one in OPTIONS if one not in COUNTS]))
    beside = _beside(name, option)
    text = data.draw(st.text(max_size=12) | st.integers().map(str) | st.floats().map(str))
    spec = _spec(name, f":{option}={text}")
    _refused_or_finite(explainer, forward, lambda: make_method(spec, beside))
    number: Any = data.draw(st.integers() | st.floats())
    _refused_or_finite(
        explainer, forward, lambda: make_method(_spec(name), {option: number, **beside})
    )


@settings(max_examples=200, deadline=None)
@given(spec=st.text("abcdem-:=+ 0\n\x1b", max_size=20) | st.text(max_size=10))
def test_any_text_as_a_spec(spec: str) -> None:
    for make, error in ((make_method, MethodError), (make_metric, MetricError)):
        try:
            make(spec)
        except error as said:
            _check_said(said)


@pytest.mark.parametrize(("name", "option"), OF_METRICS)
def test_metrics(explainer: Explainer, forward: Forward, name: str, option: str) -> None:
    saliency = np.linspace(0, 1, 128 * 128, dtype=np.float32).reshape(128, 128)
    case = Case(
        graphs=explainer.graphs(),
        forward=forward,
        method=make_method("grad-cam"),
        target=2,
        saliency=saliency,
        photo_saliency=saliency,
    )
    for value in HOSTILE:
        began = time.perf_counter()
        try:
            found = make_metric(f"{name}:{option}={_text(value)}")(case).value
        except CamError as error:
            _check_said(error)
        else:
            assert found is None or math.isfinite(found)
        assert time.perf_counter() - began < SOON


@pytest.mark.parametrize(
    ("name", "plain", "numpys"),
    [
        ("decom-cam", {"components": 3, "sigma": 2.5}, (np.int64, np.float32)),
        ("decom-cam", {"components": 3, "sigma": 2.0}, (np.uint8, np.int16)),
        ("smooth-grad-cam++", {"samples": 2, "seed": 7, "sigma": 0.5}, (np.int32, np.float16)),
        ("feature-cam", {"input": 3, "k": 0.25}, (np.int8, np.float64)),
        ("anytime-score-cam", {"share": 0.5}, (np.int8, np.float32)),
    ],
)
def test_numbers_of_numpy_are_numbers(
    explainer: Explainer, name: str, plain: dict[str, Any], numpys: tuple[Any, Any]
) -> None:
    whole, broken = numpys
    given = {one: (whole if type(v) is int else broken)(v) for one, v in plain.items()}
    wanted = explainer.explain(PHOTO, name, **plain)
    for found in (
        explainer.explain(PHOTO, name, **given),
        explainer.explain(PHOTO, KINDS[name](**given)),
    ):
        np.testing.assert_array_equal(found.raw, wanted.raw)
        assert spec_of(found.method) == spec_of(wanted.method)


NO_METHODS: tuple[Any, ...] = (
    *(3, None, "", ":", "score-cam:", "score-cam:=", "score-cam:preset", b"cam", {}, object(), len),
    *(METHODS["cam"], "cam:cam", "score-cam:preset=paper:preset=paper", " cam", "x" * 10**5),
)


def test_what_is_no_method(explainer: Explainer) -> None:
    for method in NO_METHODS:
        for ask in (explainer.explain, explainer.explain_each):
            with pytest.raises(MethodError) as caught:
                ask([PHOTO], method)
            _check_said(caught.value)
    with pytest.raises(MethodError, match="at least one method"):
        explainer.explain_each([PHOTO], [])
    with pytest.raises(MethodError, match="'sigma' is given twice"):
        explainer.explain(PHOTO, "decom-cam:sigma=1", sigma=2)


NO_CLASSES: tuple[Any, ...] = (
    *(True, False, -1, 5, 10**400, 10**5000, 1.0, math.nan, "", "x", "\x1b", "crack" * 10**4),
    *(b"crack", [True], {0}, {}, np.array([1]), np.True_, np.float32(1), object()),
)


def test_what_is_no_class(explainer: Explainer) -> None:
    for target in NO_CLASSES:
        with pytest.raises(TargetError) as caught:
            explainer.explain(PHOTO, "grad-cam", target)
        _check_said(caught.value)
        with pytest.raises(TargetError):
            explainer.explain([PHOTO], "grad-cam", target)
    two: Any = np.uint8(2)
    assert explainer.explain(PHOTO, "grad-cam", two).target.index == 2


NO_VALUES: Mapping[str, tuple[object, ...]] = {
    "threads": (-1, 0, 10**6, 1.5, True, "x", math.nan, [1], np.float32(1), 10**5000),
    "chunk": (-1, 0, 10**9, 1.5, True, "x", math.nan, [1], np.float32(1), np.array([1, 2])),
    "device_id": (-1, "x", 1.5, True, None, 10**9),
    "max_megapixels": (-1, 0, math.nan, math.inf, True, "x", None, 10**400),
    "providers": ("cpu", 3, [], [3], [None], [("cpu",)], [("cpu", 3)], ["cpu", ("x", {})]),
}


@pytest.mark.parametrize("option", NO_VALUES)
def test_load(option: str) -> None:
    for value in NO_VALUES[option]:
        given: dict[str, Any] = {"providers": ["cpu"], option: value}
        with pytest.raises(CamError) as caught:
            camruntime.load(INSPECTOR, **given)
        _check_said(caught.value)


def test_numbers_of_numpy_in_load(explainer: Explainer) -> None:
    given: dict[str, Any] = {"threads": np.int64(1), "chunk": np.uint8(3), "device_id": np.int8(0)}
    given["max_megapixels"] = np.float32(2)
    loaded = camruntime.load(INSPECTOR, ["cpu"], **given)
    wanted = explainer.explain(PHOTO, "score-cam")
    np.testing.assert_array_equal(loaded.explain(PHOTO, "score-cam").raw, wanted.raw)


def test_drawing(explainer: Explainer) -> None:
    found = explainer.explain(PHOTO, "grad-cam")
    for value in (math.nan, math.inf, -1, 2):
        for draw in (found.overlay, found.boxes):
            with pytest.raises(CamError, match="lies in"):
                draw(value)
    for percentile in (math.nan, -1, 101):
        with pytest.raises(CamError, match="percentile"):
            found.explanation_map(percentile)
