"""From photographs to explanations: targets, batches, reading ahead, a method on an image."""

from camruntime.explaining.batches import in_batches
from camruntime.explaining.in_threads import in_threads
from camruntime.explaining.steps import (
    Answer,
    Outcome,
    Photograph,
    Prediction,
    explain_batch,
    explain_prediction,
    open_image,
    predict_batch,
)
from camruntime.explaining.targets import Target, Wanted, by_image, wanted

__all__ = [
    "Answer",
    "Outcome",
    "Photograph",
    "Prediction",
    "Target",
    "Wanted",
    "by_image",
    "explain_batch",
    "explain_prediction",
    "in_batches",
    "in_threads",
    "open_image",
    "predict_batch",
    "wanted",
]
