"""Everything that camruntime raises on purpose.

    CamError
    ├── BundleError             the bundle on disk is missing, damaged or of another schema
    │   └── SignatureError      a signature was required, and none is by this key and of these files
    ├── EdgeModelError          an edge model is missing, damaged, or answers with something else
    ├── DatasetError            a data set is missing, damaged, or laid out in no known way
    ├── ImageError              the picture cannot be read or has the wrong layout
    ├── TargetError             the class asked for does not exist, or the counts do not match
    ├── MethodError             no such method, or no such option
    ├── MetricError             no such metric, or no such option
    ├── CalibrationError        a calibration is of another bundle, method or target, or damaged
    ├── EvaluationError         results on disk are of other work, another run's, or damaged
    ├── RecordError             a line of records is damaged, cut off, or of another schema
    ├── OutputError             a file cannot be written: the disk is full, or the folder gone
    ├── ProviderError           an execution provider that was named did not open
    ├── DeviceMemoryError       not even one image fits into the memory of what computes
    ├── MissingDependencyError  a package is needed and not installed, or does not load
    ├── BudgetError             no method fits into the time or memory that was given
    ├── NonFiniteError          the network's answer holds NaN or infinity
    └── Cancelled               whoever asked for an explanation no longer wants it

Each message names what was expected, what came, and what to do. `SmallerChunkWarning` is the one
warning: memory ran out, fewer copies at once did fit, and the results are the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CamError(Exception):
    """Base of all errors of camruntime and camexport."""


class BundleError(CamError):
    """A bundle is missing, damaged, or written for another schema version."""


class SignatureError(BundleError):
    """A signature was required, and the bundle has none by this key and of these files."""


class EdgeModelError(CamError):
    """An edge model is missing or damaged, or does not answer with one map of the picture."""


class DatasetError(CamError):
    """A data set cannot be read, is laid out in no known way, or its classes match none."""


class ImageError(CamError):
    """A picture cannot be read, or its array has the wrong shape or type."""


class TargetError(CamError):
    """A target class does not exist, is ambiguous, or does not match the number of images."""


class MethodError(CamError):
    """A saliency method or one of its options does not exist."""


class MetricError(CamError):
    """A metric or one of its options does not exist."""


class CalibrationError(CamError):
    """A calibration is missing, damaged, of something else, or cannot be had of so few parts."""


class EvaluationError(CamError):
    """Results on disk were measured under other conditions, or are damaged, or another run's."""


class RecordError(CamError):
    """A line of records is damaged, cut off, or of another schema; the message names the line."""


class OutputError(CamError):
    """A file cannot be written."""


class ProviderError(CamError):
    """An execution provider was named and did not open."""


class DeviceMemoryError(CamError):
    """A graph did not get the memory that it needs."""


class SmallerChunkWarning(UserWarning):
    """Memory ran out; the work goes on with fewer perturbed copies at once."""


class MissingDependencyError(CamError):
    """A package is needed that is not installed, or lacks a library of the system."""


class NonFiniteError(CamError):
    """The network answered NaN or infinity to the unmodified image."""


class BudgetError(CamError):
    """No method fits into the time or memory that was given; most often said before it starts."""


class Cancelled(CamError):  # noqa: N818  # nothing is wrong: it was asked for
    """`cancel` of `explain` was set before the explanation was done."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """The end of an error message: the known names closest to `name`, or all when none is close."""
    names = list(known)
    name = name[:100]  # comparing takes the product of both lengths
    close = difflib.get_close_matches(name, names, count, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(names)}" if len(names) <= 12 else f"{len(names)} names are known"
