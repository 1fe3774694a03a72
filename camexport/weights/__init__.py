"""Weights: read, drawn at random, and which layers own them."""

from camexport.weights.learned_layers import LearnedLayer, learned_layers
from camexport.weights.seeded import calibrate, seeded
from camexport.weights.state_dict import digest_state, fit_state, read_state

__all__ = [
    "LearnedLayer",
    "calibrate",
    "digest_state",
    "fit_state",
    "learned_layers",
    "read_state",
    "seeded",
]
