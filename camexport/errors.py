"""Everything that camexport raises on purpose, below `camruntime.errors.CamError`.

    CamError
    └── ExportError
        ├── UnknownModelError   no such model, or its callable cannot be imported
        ├── TrustError          code that a file holds or names would run, and nobody allowed it
        ├── UnknownLayerError   no such module path
        ├── NotACutError        the logits can be reached without passing the layer
        ├── NotSpatialError     the layer's activations have no grid `(h, w)`
        ├── WeightsError        a state dict cannot be read or does not fit
        ├── DownloadError       the publisher's weights could not be fetched
        ├── OptionError         an option of the build is malformed or contradicts another
        ├── UnsupportedError    torch.export or the ONNX exporter cannot express the network
        ├── OutputError         the output folder is in use, or the disk is full
        ├── ParityError         ONNX Runtime does not compute what PyTorch does
        └── FidelityError       maps in lower precision are not those in float32

A missing package is camruntime's `MissingDependencyError`.
"""

from __future__ import annotations

from camruntime.errors import CamError


class ExportError(CamError):
    """Base of camexport's own errors."""


class UnknownModelError(ExportError):
    """No model has this name."""


class TrustError(ExportError):
    """Code that a file holds or names would run, and nobody allowed it."""


class UnknownLayerError(ExportError):
    """The network has no module at this path, or never runs it."""


class NotACutError(ExportError):
    """The logits can be reached without passing through the layer."""


class NotSpatialError(ExportError):
    """The layer's activations are not `(n, C, h, w)`."""


class WeightsError(ExportError):
    """A state dict cannot be read, or does not fit the network."""


class DownloadError(ExportError):
    """The publisher's weights could not be downloaded."""


class OptionError(ExportError):
    """An option is malformed or contradicts another."""


class UnsupportedError(ExportError):
    """The network cannot be traced, or has an operator that ONNX cannot express."""


class OutputError(ExportError):
    """The bundle cannot be written where it was asked for."""


class ParityError(ExportError):
    """The bundle's graphs differ from PyTorch by more than the tolerance."""


class FidelityError(ExportError):
    """Maps in lower precision differ from those in float32 by more than is allowed.

    Attributes:
        reason: what differs, without the advice for whoever builds.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason + advice)
        self.reason = reason


def one_line(error: BaseException, limit: int = 200) -> str:
    """What another library says, for the end of a message of ours: one line of it, cut off."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= limit else f"{text[:limit]}..."
