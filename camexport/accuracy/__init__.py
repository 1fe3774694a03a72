"""What a finished bundle gets right on pictures of known classes, beside its PyTorch network."""

from camexport.accuracy.findings import findings
from camexport.accuracy.measure import Check, measure_accuracy
from camexport.accuracy.pictures import open_pictures
from camexport.accuracy.result import PYTORCH, RUNTIME, Accuracy

__all__ = [
    "PYTORCH",
    "RUNTIME",
    "Accuracy",
    "Check",
    "findings",
    "measure_accuracy",
    "open_pictures",
]
