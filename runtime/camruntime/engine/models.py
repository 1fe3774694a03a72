"""What a session opens: an ONNX file, in memory or mapped from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from camruntime._named_files import require_own_files
from camruntime.bundle import Bundle
from camruntime.errors import BundleError

_WITHOUT_WEIGHTS = {"mask_images", "occlude_images", "mask_activations"}


@dataclass(frozen=True)
class Model:
    """An ONNX file.

    Attributes:
        name: what errors call it.
        graph: the file's bytes, or its path.
        weights: of one in memory the files beside it, by the names that the graph has for them. It
            can read no others.
    """

    name: str
    graph: bytes | Path
    weights: Mapping[str, bytes] = field(default_factory=dict)


def in_memory(bundle: Bundle, name: str) -> Model:
    """A graph of an opened bundle and its weights, checked once more.

    A session copies what it needs of them: whatever happens to the files, it answers as before.

    Raises:
        BundleError: a file changed since the bundle was opened, or the graph names other files than
            the bundle's weights.
    """
    file, weights = bundle.graph(name).file, bundle.manifest.weights.file
    beside = {} if name in _WITHOUT_WEIGHTS else {weights: bundle.read_weights()}
    graph = bundle.read_graph(name)
    try:
        require_own_files(graph, beside)
    except ValueError as error:
        raise BundleError(
            f"{bundle.folder / file} {error}: the weights of a bundle are in {weights} alone; "
            "build it again"
        ) from error
    return Model(file, graph, beside)


def mapped(bundle: Bundle, name: str) -> Model:
    """A graph whose weights a session maps from the disk, for files that nobody else may touch.

    It takes half the memory while it opens. Should the file be overwritten, the session answers
    with what is there then; if it is cut, the process ends.
    """
    file = bundle.folder / bundle.graph(name).file
    return Model(file.name, file)
