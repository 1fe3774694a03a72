"""What unit a method's maps have: shown by networks whose logits and activations are scaled."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from camruntime.maps import FloatArray
from camruntime.methods import BASELINES, RELATIVE, make_method, name_of, unit_of
from every_method import EVERY
from numpy_graphs import NumpyGraphs

UNITS = {"logit", "probability", "logit x activation", "activation", RELATIVE}
NOT_LINEAR = ("grad-cam++", "smooth-grad-cam++", "ss-cam", "score-cam++", "group-cam")
"""Logits in an exponential, activations beside noise or in a tanh, or a sum weighted by what the
logits make of a picture: of twice of them the maps are others, not twice as large."""

_TWO = np.float32(2)


def _map(spec: str, graphs: NumpyGraphs, image: FloatArray) -> FloatArray:
    """Of the first class that has one: a ReLU may leave nothing."""
    forward = graphs.forward(image)
    made = make_method(spec)(graphs, forward, list(range(len(forward.logits)))).raw
    return next(one for one in made if one.any())


def _logits_doubled(graphs: NumpyGraphs) -> NumpyGraphs:
    return dataclasses.replace(graphs, weights=_TWO * graphs.weights, bias=_TWO * graphs.bias)


def _activations_doubled(graphs: NumpyGraphs) -> NumpyGraphs:
    """The same logits, from twice the activations and half the weights."""
    return dataclasses.replace(graphs, mix=_TWO * graphs.mix, weights=graphs.weights / _TWO)


def _is_linear(spec: str) -> bool:
    unit = unit_of(make_method(spec))
    return unit not in (None, RELATIVE) and name_of(spec) not in NOT_LINEAR


@pytest.mark.parametrize("spec", [one for one in EVERY if name_of(one) not in BASELINES])
def test_every_method_says_which_unit_its_maps_have(spec: str) -> None:
    assert unit_of(make_method(spec)) in UNITS


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_have_none(name: str) -> None:
    assert unit_of(make_method(name)) is None


@pytest.mark.parametrize("spec", [one for one in EVERY if _is_linear(one)])
def test_maps_scale_as_their_unit_does(
    spec: str, numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    unit = unit_of(make_method(spec))
    assert unit is not None
    before = _map(spec, numpy_graphs, image)
    louder = _map(spec, _logits_doubled(numpy_graphs), image)
    larger = _map(spec, _activations_doubled(numpy_graphs), image)
    factors = {"logit": (2, 1), "logit x activation": (2, 2), "probability": (None, 1)}
    of_logits, of_activations = factors.get(unit, (None, 2 if unit == "activation" else None))
    if of_logits is not None:
        np.testing.assert_allclose(louder, of_logits * before, rtol=1e-4, atol=1e-5)
    if of_activations is not None:
        np.testing.assert_allclose(larger, of_activations * before, rtol=1e-4, atol=1e-5)
