"""What the `manifest.json` of a model package says, as the dataclasses that write and read it.

A model package is ONNX Runtime's folder of one network in several variants. Of ours each variant is
a whole bundle, a folder below `shared_assets` that is named by a digest over its files. All that
ONNX Runtime reads follows from the few fields here, which lie in `additional_metadata.camexport`: a
file that says anything else is refused, so both read the same.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from camruntime._decode import DecodeError, fit
from camruntime._strict_json import parse_json, plain
from camruntime.bundle.manifest import Precision
from camruntime.bundle.sealing import is_plain_name, sealed, unsealed
from camruntime.errors import BundleError

PACKAGE = "manifest.json"
EXACT: Precision = "float32"
"""The variant of every provider that no other variant names, and there always."""

USUAL_PROVIDERS = (
    "CPUExecutionProvider",
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
    "OpenVINOExecutionProvider",
)
"""Those that a package names in any case. ONNX Runtime selects for providers it finds named."""

_VERSION = 1
_ONNX_RUNTIME_S = "1.0"  # its schema's version, which it wants as a text
_ASSET = re.compile("sha256:[0-9a-f]{64}")
_PRECISIONS = ("float32", "fp16", "int8")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One bundle of a package.

    Attributes:
        asset: where it lies, as ONNX Runtime refers to it: `sha256:` and a digest over its files.
        providers: in full, those for which it is taken where nobody names a variant.
        graphs: the bundle's, file by name.
    """

    asset: str
    providers: tuple[str, ...]
    graphs: dict[str, str]

    def __post_init__(self) -> None:
        if not _ASSET.fullmatch(self.asset):
            raise ValueError(f"expected sha256: and 64 digits, got {self.asset!r:.80}")
        for text in (*self.graphs, *self.graphs.values()):
            if not is_plain_name(text):
                raise ValueError(f"expected a graph's name or file, got {text!r:.60}")
        for text in self.providers:
            if not re.fullmatch("[A-Za-z0-9_]+", text):
                raise ValueError(f"expected a provider's full name, got {text!r:.60}")

    @property
    def place(self) -> str:
        """Of its folder in the package."""
        return f"shared_assets/{self.asset.replace(':', '-')}"


@dataclass(frozen=True, kw_only=True)
class PackageManifest:
    """`manifest.json`.

    Attributes:
        schema_version: of these fields.
        tool: what wrote it, and its version.
        variants: by name, which is the precision: `float32`, and `fp16`, `int8` where they are.
    """

    schema_version: int
    tool: str
    variants: dict[str, Variant]

    def __post_init__(self) -> None:
        names = [*self.variants]
        if EXACT not in names or not set(names) <= set(_PRECISIONS):
            raise ValueError(f"expected {EXACT} among variants of {_PRECISIONS}, got {names}")
        if len({frozenset(one.graphs) for one in self.variants.values()}) > 1:
            raise ValueError("expected the same graphs in all variants")
        named = Counter(name for one in self.variants.values() for name in one.providers)
        if named and max(named.values()) > 1:
            raise ValueError(f"expected one variant for each provider, got {dict(named)}")

    def variant_for(self, provider: str) -> str:
        """The variant that is taken for a provider, by its full name, where nobody names one."""
        named = (name for name, one in self.variants.items() if provider in one.providers)
        return next(named, EXACT)

    def document(self) -> dict[str, object]:
        """All of `manifest.json`."""
        graphs = self.variants[EXACT].graphs
        own = sealed({**dataclasses.asdict(self)})
        whole = {
            "schema_version": _ONNX_RUNTIME_S,
            "layout": "portable",
            "components": {name: {"variants": self._selectable(name)} for name in graphs},
            "additional_metadata": {"camexport": own},
        }
        return {name: plain(value) for name, value in whole.items()}

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`."""
        text = json.dumps(self.document(), indent=2, ensure_ascii=False)
        (folder / PACKAGE).write_text(text + "\n", encoding="utf-8")

    def _selectable(self, graph: str) -> dict[str, object]:
        """What ONNX Runtime selects from: a variant has one provider there, or none.

        Without one it selects it never, but opens it by its path.
        """
        found: dict[str, object] = {}
        for name, one in self.variants.items():
            body = {
                "variant_directory": one.place,
                "executor_info": {"ort": {"model_file": f"{one.asset}/{one.graphs[graph]}"}},
            }
            for provider in one.providers:
                found[f"{name}-{short(provider)}"] = {"ep": provider, **body}
            if not one.providers:
                found[name] = body
        return found


def package_of(variants: dict[str, Variant], tool: str) -> PackageManifest:
    """A manifest in today's version; raises `ValueError` where variants contradict each other."""
    return PackageManifest(schema_version=_VERSION, tool=tool, variants=variants)


def parse_package(data: bytes, file: Path) -> PackageManifest:
    """What `data` says, the content of `file`.

    Raises:
        BundleError: it is no JSON, of no package of ours, of another version, or damaged.
    """
    try:
        document = parse_json(data)
        own = _own(document)
        if own is None:
            raise ValueError(
                "it is of no package that `camexport package` wrote: `camruntime` opens no other"
            )
        version = own.get("schema_version")
        if version != _VERSION:
            raise ValueError(
                f"it has version {version!r:.60} of its fields, this camruntime reads {_VERSION}: "
                "write the package again with the matching camexport"
            )
        manifest = fit(PackageManifest, unsealed(own), file, "package")
        if manifest.document() != document:
            raise ValueError(
                "it was changed or damaged: ONNX Runtime would read something else than what "
                "camexport wrote; copy the package again, or write it again"
            )
    except DecodeError as error:
        raise BundleError(str(error)) from error
    except ValueError as error:
        raise BundleError(f"{file}: {error}") from error
    return manifest


def short(provider: str) -> str:
    """`cpu` of `CPUExecutionProvider`."""
    return provider.removesuffix("ExecutionProvider").lower()


def _own(document: object) -> dict[str, object] | None:
    """The fields of ours in a `manifest.json`; None where it has none."""
    for key in ("additional_metadata", "camexport"):
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else None
