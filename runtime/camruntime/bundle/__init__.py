"""The contract between camexport and camruntime: what a bundle holds, written and read here.

A bundle is a directory: ONNX graphs, one file with all their weights, and `bundle.json`, which is
`Manifest` as JSON. Opening a bundle checks the schema and the SHA-256 of every file. A model
package is a directory with several of them, of one network in different precisions.
"""

from camruntime.bundle.assets import asset_uri, plain_files
from camruntime.bundle.choosing import open_again, open_any, suited
from camruntime.bundle.cuts import OF_A_CUT, SECOND, at_cut, cut_of
from camruntime.bundle.input import (
    EIGHT_BITS,
    SIXTEEN_BITS,
    Assumed,
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
from camruntime.bundle.opening_package import (
    Package,
    is_package,
    open_package,
    verified_folder,
)
from camruntime.bundle.package import (
    EXACT,
    PACKAGE,
    PackageManifest,
    Variant,
    package_of,
)
from camruntime.bundle.rows import in_words, manifest_rows, package_rows, warned
from camruntime.bundle.sealing import SEAL, is_digest, sealed, unsealed
from camruntime.bundle.signature import SIGNATURE, Signed, hashing, model_signing

__all__ = [
    "EIGHT_BITS",
    "EXACT",
    "MANIFEST",
    "OF_A_CUT",
    "PACKAGE",
    "SCHEMA_VERSION",
    "SEAL",
    "SECOND",
    "SIGNATURE",
    "SIXTEEN_BITS",
    "Answer",
    "Assumed",
    "Axes",
    "Bundle",
    "Colour",
    "Compared",
    "Fidelity",
    "Graph",
    "Input",
    "Layer",
    "Manifest",
    "Package",
    "PackageManifest",
    "Parity",
    "Precision",
    "ProbabilityKind",
    "ResizeMode",
    "Shared",
    "Signed",
    "Source",
    "Variant",
    "WeightsFile",
    "asset_uri",
    "at_cut",
    "cut_of",
    "digest_file",
    "hashing",
    "in_words",
    "is_digest",
    "is_package",
    "manifest_rows",
    "model_signing",
    "open_again",
    "open_any",
    "open_bundle",
    "open_package",
    "package_of",
    "package_rows",
    "plain_files",
    "sealed",
    "suited",
    "unsealed",
    "usual_shown",
    "verified_folder",
    "warned",
]
