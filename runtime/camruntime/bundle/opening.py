"""Open a bundle: what it says is read and checked, and so is the SHA-256 of every file.

Graphs and weights are read once more when a session needs them, into memory of this process, and
have to be the same bytes: whoever replaces or overwrites a file under a running program gets an
error, not another network's answer, and not the end of the process, as with a mapped file.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from camruntime._decode import DecodeError, fit, parse_object
from camruntime.bundle.cuts import SECOND
from camruntime.bundle.manifest import MANIFEST, SCHEMA_VERSION, Graph, Manifest
from camruntime.bundle.package import PACKAGE
from camruntime.bundle.sealing import unsealed
from camruntime.bundle.signature import Signed, verify_signature
from camruntime.errors import BundleError, SignatureError

_MANIFEST_BYTES = 2**24  # a thousand classes need 40 kB
_TRIES = 10  # a bundle may be replaced while its files are read, and again
_VERSION_ADVICE = (
    "build the bundle again with the matching camexport, or install the matching camruntime"
)


@dataclass(frozen=True)
class Bundle:
    """An opened bundle whose files were found and match their digests.

    Attributes:
        folder: where it lies.
        manifest: what its `bundle.json` says.
        signed: what its signature says, where one was required.
        package: the model package that it is a variant of; None of a bundle by itself.
        named: the variant that was asked for by name; None where nobody did.
    """

    folder: Path
    manifest: Manifest
    signed: Signed | None = None
    package: Path | None = None
    named: str | None = None

    def at(self, cut: int) -> Bundle:
        """The same, as one of the layer with this index of `Manifest.layers` alone."""
        return replace(self, manifest=self.manifest.at(cut))

    def graph(self, name: str) -> Graph:
        """The graph called `name`; raises `BundleError` naming the graphs that are there."""
        graphs = self.manifest.graphs
        if name not in graphs:
            without = {
                "gradient": ", without --no-gradient",
                SECOND: ", with --layer given several times",
            }.get(name, "")
            layers = [f" --layer {one.name}" for one in self.manifest.layers]
            several = "".join(layers) if len(layers) > 1 else ""
            raise BundleError(
                f"{self.folder} has no graph '{name}' (it has {', '.join(graphs)}); build it again "
                f"with `camexport build --model {self.manifest.model}{several}`{without}"
            )
        return graphs[name]

    def read_graph(self, name: str) -> bytes:
        """The ONNX file of a graph, as it was when the bundle was opened.

        Raises:
            BundleError: there is no such graph, or its file changed since.
        """
        graph = self.graph(name)
        return _read_again(self.folder / graph.file, graph.sha256)

    def read_weights(self) -> bytes:
        """The file of weights, as it was when the bundle was opened.

        Raises:
            BundleError: it changed since.
        """
        weights = self.manifest.weights
        return _read_again(self.folder / weights.file, weights.sha256)


def open_bundle(path: str | Path, require_signature: str | Path | None = None) -> Bundle:
    """Open the bundle in directory `path`: if it is replaced meanwhile, the old one or the new one.

    Args:
        path: of the directory.
        require_signature: PEM file of a public key or of certificates: the bundle has to be signed
            with that key, or with one whose certificate goes back to these. Needs model-signing.

    Raises:
        SignatureError: it is required and missing, by another key, or of other files.
        MissingDependencyError: model-signing is required and not installed.
        BundleError: the directory, `bundle.json` or a graph is missing; the schema is another one;
            a field is missing, of the wrong type or contradicts others; a file, or `bundle.json`
            itself, does not match its digest.
    """
    folder = Path(path)
    return unless_replaced(folder / MANIFEST, lambda: _open(folder, require_signature))


def unless_replaced(file: Path, opened: Callable[[], Bundle]) -> Bundle:
    """What `opened` gives; once more where it fails and `file` became another one meanwhile."""
    for _ in range(_TRIES):
        before = _identity(file)
        try:
            return opened()
        except BundleError:
            if _identity(file) == before:
                raise
    return opened()


def _identity(file: Path) -> tuple[int, ...] | None:
    """Changes when a path names another file."""
    try:
        found = file.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _open(folder: Path, key: str | Path | None) -> Bundle:
    data = _read_manifest(folder)
    signed = None if key is None else verify_signature(folder, key)
    if signed and signed.files.get(MANIFEST) != hashlib.sha256(data).hexdigest():
        raise SignatureError(f"{folder / MANIFEST} changed while it was opened, or is not signed")
    manifest = parse_manifest(data, folder / MANIFEST)
    weights = manifest.weights
    files = [(graph.file, graph.sha256) for graph in manifest.graphs.values()]
    for name, expected in [*files, (weights.file, weights.sha256)]:
        _check_file(folder / name, expected, weights.bytes if name == weights.file else None)
    return Bundle(folder, manifest, signed)


def digest_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder: Path) -> bytes:
    if not folder.is_dir():
        raise BundleError(
            f"no bundle at {folder}: expected a directory that `camexport build` wrote"
        )
    file = folder / MANIFEST
    if not file.exists():
        if (folder / PACKAGE).exists():
            raise BundleError(
                f"{folder} is not a bundle but a model package: each folder in its shared_assets "
                "is a bundle, and `camruntime.load` opens the package"
            )
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    return read_json(file)


def read_json(file: Path) -> bytes:
    """What the JSON file of a bundle or package holds.

    Raises:
        BundleError: it is missing, no file, larger than any, or cannot be read.
    """
    if _size(file) > _MANIFEST_BYTES:
        raise BundleError(f"{file} is larger than any bundle's: copy the bundle again")
    try:
        return file.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {file}: {error.strerror or error}") from error


def parse_manifest(data: bytes, file: Path) -> Manifest:
    """What `data` says, the content of `file`.

    Raises:
        BundleError: as `open_bundle`.
    """
    try:
        document = unsealed(parse_object(data, file, SCHEMA_VERSION, _VERSION_ADVICE))
    except DecodeError as error:
        raise BundleError(str(error)) from error
    except ValueError as error:
        raise BundleError(f"{file}: {error}") from error
    try:
        return fit(Manifest, document, file, "bundle")
    except DecodeError as error:
        raise BundleError(str(error)) from error


def _check_file(path: Path, expected: str, size: int | None) -> None:
    found = _size(path)
    if size is not None and found != size:
        raise BundleError(
            f"{path} was cut off or changed: {found} bytes where {MANIFEST} says {size}; copy the "
            "bundle again or rebuild it"
        )
    try:
        _require(path, digest_file(path), expected)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


def _size(path: Path) -> int:
    """In bytes, of a file: a pipe would be waited for, and a device may never end."""
    try:
        found = path.stat()
    except OSError as error:
        raise BundleError(
            f"{path} is named in {MANIFEST} and missing: copy the whole directory"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise BundleError(f"{path} is no file, expected one: copy the bundle again")
    return found.st_size


def _require(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise BundleError(
            f"{path} was changed or damaged: SHA-256 {found[:12]}… where {MANIFEST} says "
            f"{expected[:12]}…; copy the bundle again or rebuild it"
        )


def _read_again(path: Path, expected: str) -> bytes:
    try:
        _size(path)
        data = path.read_bytes()
    except (BundleError, OSError):
        data = b""
    if hashlib.sha256(data).hexdigest() != expected:
        raise BundleError(
            f"{path} changed since the bundle was opened: Explainer.reload() takes what is there "
            "now; to replace a bundle in use, rename a whole directory and copy over none"
        )
    return data
