"""From photographs to explanations: targets, batches, reading ahead, a method on an image."""

from camruntime.explaining.batches import in_batches
from camruntime.explaining.in_threads import in_threads
from camruntime.explaining.own_errors import OWN, kept
from camruntime.explaining.steps import (
    Answer,
    Outcome,
    Photograph,
    Prediction,
    Taken,
    explain_batch,
    explain_batch_or_say,
    explain_prediction,
    maps_of,
    open_image,
    predict_batch,
    predict_batch_or_say,
    take_image,
)
from camruntime.explaining.targets import Contrast, Target, Wanted, by_image, wanted

__all__ = [
    "OWN",
    "Answer",
    "Contrast",
    "Outcome",
    "Photograph",
    "Prediction",
    "Taken",
    "Target",
    "Wanted",
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
    "wanted",
]
