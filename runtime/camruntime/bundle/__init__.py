"""The contract between camexport and camruntime: what a bundle holds, written and read here.

A bundle is a directory: ONNX graphs, one file with all their weights, and `bundle.json`, which is
`Manifest` as JSON. Opening a bundle checks the schema and the SHA-256 of every file.
"""

from camruntime.bundle.input import (
    EIGHT_BITS,
    SIXTEEN_BITS,
    Colour,
    Input,
    ResizeMode,
    usual_shown,
)
from camruntime.bundle.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    Answer,
    Axes,
    Graph,
    Layer,
    Manifest,
    Precision,
    ProbabilityKind,
    Shared,
    Source,
    WeightsFile,
)
from camruntime.bundle.measured import Compared, Fidelity, Parity
from camruntime.bundle.opening import Bundle, digest_file, open_bundle
from camruntime.bundle.rows import in_words, manifest_rows
from camruntime.bundle.signature import SIGNATURE, Signed, hashing, model_signing

__all__ = [
    "EIGHT_BITS",
    "MANIFEST",
    "SCHEMA_VERSION",
    "SIGNATURE",
    "SIXTEEN_BITS",
    "Answer",
    "Axes",
    "Bundle",
    "Colour",
    "Compared",
    "Fidelity",
    "Graph",
    "Input",
    "Layer",
    "Manifest",
    "Parity",
    "Precision",
    "ProbabilityKind",
    "ResizeMode",
    "Shared",
    "Signed",
    "Source",
    "WeightsFile",
    "digest_file",
    "hashing",
    "in_words",
    "manifest_rows",
    "model_signing",
    "open_bundle",
    "usual_shown",
]
