"""Weights: read, drawn at random, and which layers own them."""

from camexport.weights.checkpoint import fit_checkpoint, read_checkpoint, read_state
from camexport.weights.in_float64 import in_float64, wide
from camexport.weights.learned_layers import LearnedLayer, learned_layers
from camexport.weights.seeded import calibrate, seeded
from camexport.weights.state_dict import digest_state, few, fit_state, not_numbers, tensors_of

__all__ = [
    "LearnedLayer",
    "calibrate",
    "digest_state",
    "few",
    "fit_checkpoint",
    "fit_state",
    "in_float64",
    "learned_layers",
    "not_numbers",
    "read_checkpoint",
    "read_state",
    "seeded",
    "tensors_of",
    "wide",
]
