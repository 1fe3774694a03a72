"""The contract between camexport and camruntime: what a bundle holds, written and read here.

A bundle is a directory: ONNX graphs, one file with all their weights, and `bundle.json`, which is
`Manifest` as JSON. Opening a bundle checks the schema and the SHA-256 of every file.
"""

from camruntime.bundle.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    Answer,
    Axes,
    Graph,
    Input,
    Layer,
    Manifest,
    Precision,
    ProbabilityKind,
    ResizeMode,
    Shared,
    Source,
    WeightsFile,
)
from camruntime.bundle.measured import Compared, Fidelity, Parity
from camruntime.bundle.opening import Bundle, digest_file, open_bundle
from camruntime.bundle.rows import in_words, manifest_rows

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "Answer",
    "Axes",
    "Bundle",
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
    "Source",
    "WeightsFile",
    "digest_file",
    "in_words",
    "manifest_rows",
    "open_bundle",
]
