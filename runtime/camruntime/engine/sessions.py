"""The sessions of one bundle on one provider: opened when they are first needed, and reused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

from camruntime.bundle import Bundle, cut_of
from camruntime.engine.agreement import require_agreement
from camruntime.engine.backend import Backend
from camruntime.engine.models import Model
from camruntime.engine.session import (
    Array,
    Options,
    Session,
    Value,
    lent,
    open_session,
    session_options,
    upload,
)
from camruntime.engine.shared_weights import SharedWeights
from camruntime.engine.tensorrt import with_engine_cache
from camruntime.errors import ProviderError

_log = logging.getLogger("camruntime")

# The CPU's sessions copy weights into the order that products of many rows are fastest with. A
# gradient has few rows and, with VGG16, 990 MB of such copies, which take seconds to make.
_AS_STORED = "gradient"

_ADVICE = "It opened others: compute what needs this one with --provider cpu"


class Sessions:
    """Opens graphs of a bundle, and other ONNX files, on a backend.

    Args:
        bundle: whose graphs.
        backend: what computes.
        threads: as of `Engine`.
        model: what a session of a graph opens.
        profile: a folder for ONNX Runtime's profiles; None for none.
        capture: whether sessions shall record runs.

    Attributes:
        recording: keys of the sessions that do.
    """

    def __init__(
        self,
        bundle: Bundle,
        backend: Backend,
        threads: int | None,
        model: Callable[[Bundle, str], Model],
        profile: Path | None,
        capture: bool,
    ) -> None:
        self._bundle, self._backend, self._model = bundle, backend, model
        self._threads, self._profile, self._capture = threads, profile, capture
        self.recording: set[str] = set()
        self._open: dict[str, Session] = {}
        self._weights: SharedWeights[tuple[Value, Value]] = SharedWeights()
        self._share = backend.kind.shares
        self._lock = threading.Lock()

    def of_graph(self, name: str) -> Session:
        """The one of a graph of the bundle."""
        return self._reused(name, partial(self._open_graph, name))

    def of_other(self, model: Model, digest: str) -> Session:
        """The one of an ONNX file that is no graph of the bundle; `digest` is its SHA-256."""
        return self._reused(digest, partial(self._open_model, digest, model, digest))

    def open(self) -> list[str]:
        """Keys of those that are open."""
        with self._lock:
            return [*self._open]

    def end_profiling(self) -> list[Path]:
        """Complete the profiles of all so far, and name their files."""
        with self._lock:
            return [Path(session.end_profiling()) for session in self._open.values()]

    def close(self) -> None:
        """Give back all memory; they open again when needed."""
        with self._lock:
            self._open.clear()
            self.recording.clear()
            self._weights.clear()

    def _reused(self, key: str, open_it: Callable[[], Session]) -> Session:
        with self._lock:
            if key not in self._open:
                begin = perf_counter()
                self._open[key] = open_it()
                taken, on = 1e3 * (perf_counter() - begin), self._backend.name
                _log.info("session of %s opened on %s in %.0f ms", key, on, taken)
            return self._open[key]

    def _open_graph(self, name: str) -> Session:
        graph, model = self._bundle.graph(name), self._model(self._bundle, name)
        session = self._open_sharing(name, model, graph.sha256)
        require_agreement(session, name, self._bundle)
        return session

    def _open_sharing(self, name: str, model: Model, digest: str) -> Session:
        """With the weights that other graphs put on the device already, where it takes them."""
        if self._share and self._bundle.graph(name).shared:
            try:
                return self._open_model(name, model, digest, dict(self._lent(name, model)))
            except ProviderError as error:
                self._say_separate(str(error))
        return self._open_model(name, model, digest)

    def _lent(self, name: str, model: Model) -> Iterator[tuple[str, Value]]:
        known, file = model.weights, self._bundle.manifest.weights.file
        read = partial(known.__getitem__, file) if known else self._bundle.read_weights
        graph = self._bundle.graph(name)
        for initializer, (_, view) in self._weights.of(graph, read, self._owned_and_lent):
            yield initializer, view

    def _owned_and_lent(self, array: Array) -> tuple[Value, Value]:
        owned = upload(array, self._backend.place)
        view = lent(owned)
        if view is None:
            raise ProviderError(f"{self._backend.name} lends no tensors")
        return owned, view

    def _say_separate(self, why: str) -> None:
        """Once for each engine; what it costs is memory alone."""
        self._share = False
        if not self._open:  # else others may compute with them
            self._weights.clear()
        _log.info("each graph gets a copy of its weights on %s: %s", self._backend.name, why)

    def _open_model(
        self, key: str, model: Model, digest: str, shared: dict[str, Value] | None = None
    ) -> Session:
        """A session that records runs, where that is wanted and the provider can."""
        if self._capture:
            try:
                session = self._try(key, model, digest, shared, capture=True)
            except ProviderError as error:
                _log.info("runs of %s are not recorded: %s", model.name, error)
            else:
                self.recording.add(key)
                return session
        return self._try(key, model, digest, shared, capture=False)

    def _try(
        self,
        key: str,
        model: Model,
        digest: str,
        shared: dict[str, Value] | None,
        capture: bool,
    ) -> Session:
        options = self._options(key, model)
        content = [self._bundle.manifest.weights.sha256, digest]
        placed = [with_engine_cache(provider, content) for provider in self._backend.providers]
        if capture:
            options.log_severity_level = 4  # a refusal is said in a line of our own
            (name, given), *others = placed
            placed = [(name, {**given, str(self._backend.kind.capture): "1"}), *others]
        return open_session(model, placed, options, _ADVICE, self._backend.device, shared)

    def _options(self, key: str, model: Model) -> Options:
        options = session_options(self._threads)
        if cut_of(key)[0] == _AS_STORED:
            options.add_session_config_entry("session.disable_prepacking", "1")
        if self._profile is not None:
            options.enable_profiling = True
            known = self._bundle.manifest.graphs
            options.profile_file_prefix = str(self._profile / (key if key in known else model.name))
        return options
