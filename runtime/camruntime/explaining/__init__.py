"""From photographs to explanations: targets, batches, reading ahead, a method on an image."""

from camruntime.explaining.batches import in_batches
from camruntime.explaining.contrasting import Asked, with_contrasts
from camruntime.explaining.in_threads import in_threads
from camruntime.explaining.own_errors import OWN, kept
from camruntime.explaining.photographs import Photograph, Taken, open_image, take_image
from camruntime.explaining.prediction import Outcome, Prediction
from camruntime.explaining.results import verdict_of
from camruntime.explaining.steps import (
    Answer,
    answers_of,
    asked_of,
    explain_batch,
    explain_batch_or_say,
    explain_prediction,
    maps_of,
    predict_batch,
    predict_batch_or_say,
)
from camruntime.explaining.targets import Contrast, Target, Wanted, by_image, wanted

__all__ = [
    "OWN",
    "Answer",
    "Asked",
    "Contrast",
    "Outcome",
    "Photograph",
    "Prediction",
    "Taken",
    "Target",
    "Wanted",
    "answers_of",
    "asked_of",
    "by_image",
    "explain_batch",
    "explain_batch_or_say",
    "explain_prediction",
    "in_batches",
    "in_threads",
    "kept",
    "maps_of",
    "open_image",
    "predict_batch",
    "predict_batch_or_say",
    "take_image",
    "verdict_of",
    "wanted",
    "with_contrasts",
]
