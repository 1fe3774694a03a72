"""Open a model package: its `manifest.json` is read, and of a variant every file is checked.

Without ONNX Runtime's own reader of packages, which older versions lack, and which compares no
digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from camruntime._text import shown
from camruntime.bundle.assets import plain_files, require_asset
from camruntime.bundle.manifest import MANIFEST
from camruntime.bundle.opening import Bundle, digest_file, open_bundle, parse_manifest, read_json
from camruntime.bundle.package import PACKAGE, PackageManifest, Variant, parse_package
from camruntime.bundle.signature import Signed, verify_signature
from camruntime.errors import BundleError, SignatureError


@dataclasses.dataclass(frozen=True)
class Package:
    """A model package whose `manifest.json` was read.

    Attributes:
        folder: where it lies.
        manifest: what it says.
        signed: what its signature says, where one was required.
    """

    folder: Path
    manifest: PackageManifest
    signed: Signed | None = None

    def open(self, variant: str) -> Bundle:
        """A variant as a bundle, its files and its folder's name checked.

        Raises:
            BundleError: there is no such variant, or it is damaged.
        """
        known = self.manifest.variants
        if variant not in [*known]:  # a list of them is no key
            raise BundleError(
                f"{self.folder} has no variant {shown(variant)}: it has {', '.join(known)}"
            )
        one, place = known[variant], self.folder / known[variant].place
        files = plain_files(place)
        bundle = open_bundle(place)
        require_asset(one.asset, _digests(bundle, files), place)
        _require_agreement(bundle, variant, one)
        return dataclasses.replace(bundle, signed=_below(self.signed, one.place))


def is_package(path: str | Path) -> bool:
    """Whether a folder is a model package; what has a `bundle.json` is a bundle."""
    folder = Path(path)
    try:
        return (folder / PACKAGE).exists() and not (folder / MANIFEST).exists()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def open_package(path: str | Path, require_signature: str | Path | None = None) -> Package:
    """Open the model package in directory `path`; its variants are checked when they are opened.

    Raises:
        SignatureError: as of `open_bundle`.
        BundleError: it is no package that `camexport package` wrote, or damaged.
    """
    folder = Path(path)
    data = read_json(folder / PACKAGE)
    signed = None if require_signature is None else verify_signature(folder, require_signature)
    if signed and signed.files.get(PACKAGE) != hashlib.sha256(data).hexdigest():
        raise SignatureError(f"{folder / PACKAGE} changed while it was opened, or is not signed")
    return Package(folder, parse_package(data, folder / PACKAGE), signed)


def verified_folder(path: str | Path) -> Path:
    """The directory `path`, once the bundle or all variants of the package in it are checked.

    Raises:
        BundleError: there is neither, or a file is damaged.
    """
    if not is_package(path):
        return open_bundle(path).folder
    package = open_package(path)
    for name in package.manifest.variants:
        package.open(name)
    return package.folder


def _digests(bundle: Bundle, files: Sequence[str]) -> dict[str, str]:
    """Of `files` by name: what opening the bundle has found, and of others what they have now.

    `bundle.json` as it was parsed counts, so that no other one is taken in its place.
    """
    manifest, file = bundle.manifest, bundle.folder / MANIFEST
    data = read_json(file)
    if parse_manifest(data, file) != manifest:
        raise BundleError(f"{file} changed while it was opened: open it again")
    found = {graph.file: graph.sha256 for graph in manifest.graphs.values()}
    found[manifest.weights.file] = manifest.weights.sha256
    found[MANIFEST] = hashlib.sha256(data).hexdigest()
    others = [name for name in files if name not in found]
    return found | {name: digest_file(bundle.folder / name) for name in others}


def _require_agreement(bundle: Bundle, variant: str, one: Variant) -> None:
    manifest = bundle.manifest
    named = {name: graph.file for name, graph in manifest.graphs.items()}
    if manifest.precision != variant or named != one.graphs:
        raise BundleError(
            f"{bundle.folder} is in {manifest.precision} with the graphs {', '.join(named)}, "
            f"{PACKAGE} says {variant} with {', '.join(one.graphs)}: write the package again"
        )


def _below(signed: Signed | None, place: str) -> Signed | None:
    """What is signed in a folder of the package, by its path there."""
    if signed is None:
        return None
    start = f"{place}/"
    files = {
        name.removeprefix(start): digest
        for name, digest in signed.files.items()
        if name.startswith(start)
    }
    return Signed(signed.key, files)
