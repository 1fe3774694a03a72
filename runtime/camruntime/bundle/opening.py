"""Open a bundle: its schema is read, and the SHA-256 of every file is checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from camruntime._decode import DecodeError, read_json
from camruntime.bundle.manifest import MANIFEST, SCHEMA_VERSION, Graph, Manifest
from camruntime.errors import BundleError


@dataclass(frozen=True)
class Bundle:
    """An opened bundle whose files were found and match their digests."""

    folder: Path
    manifest: Manifest

    def graph(self, name: str) -> Graph:
        """The graph called `name`; raises `BundleError` naming the graphs that are there."""
        graphs = self.manifest.graphs
        if name not in graphs:
            without = ", without --no-gradient" if name == "gradient" else ""
            raise BundleError(
                f"{self.folder} has no graph '{name}' (it has {', '.join(graphs)}); "
                f"build it again with `camexport build --model {self.manifest.model}`{without}"
            )
        return graphs[name]


def open_bundle(path: str | Path) -> Bundle:
    """Open the bundle in directory `path`.

    Raises:
        BundleError: the directory, `bundle.json` or a graph is missing; the schema is another one;
            a field is missing or of the wrong type; a file does not match its digest.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    files = [(graph.file, graph.sha256) for graph in manifest.graphs.values()]
    for name, expected in [*files, (manifest.weights.file, manifest.weights.sha256)]:
        _check_file(folder / name, expected)
    return Bundle(folder, manifest)


def digest_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        raise BundleError(
            f"no bundle at {folder}: expected a directory that `camexport build` wrote"
        )
    file = folder / MANIFEST
    if not file.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}")
    advice = (
        "build the bundle again with the matching camexport, or install the matching camruntime"
    )
    try:
        return read_json(Manifest, file, "bundle", SCHEMA_VERSION, advice)
    except DecodeError as error:
        raise BundleError(str(error)) from error


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is named in {MANIFEST} and missing: copy the whole directory")
    found = digest_file(path)
    if found != expected:
        raise BundleError(
            f"{path} was changed or damaged: SHA-256 {found[:12]}… where {MANIFEST} says "
            f"{expected[:12]}…; copy the bundle again or rebuild it"
        )
