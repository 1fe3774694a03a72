"""Saliency methods, one file each. Importing a method's module registers it."""

from camruntime.methods import recipro_cam, score_cam
from camruntime.methods._registry import METHODS, Method, choices, make_method, register, spec_of
from camruntime.methods.recipro_cam import ReciproCAM
from camruntime.methods.score_cam import ScoreCAM

__all__ = [
    "METHODS",
    "Method",
    "ReciproCAM",
    "ScoreCAM",
    "choices",
    "make_method",
    "recipro_cam",
    "register",
    "score_cam",
    "spec_of",
]
