"""What to do when memory runs out: see that it did, and remember how much fits."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from numpy.typing import NDArray

from camruntime.errors import DeviceMemoryError, SmallerChunkWarning
from camruntime.provider_names import CPU

_log = logging.getLogger("camruntime")

T = TypeVar("T")
Rows = NDArray[Any]
Progress = Callable[[int, int], None]
"""Called with the number of perturbations done and the number of all, of one image."""

# ONNX Runtime has neither an error class nor a code for it: a failed allocation is known by its
# text alone. CL_OUT_OF_RESOURCES is left out: OpenVINO warns that any later call may then hang.
_TEXTS = re.compile(
    r"Failed to allocate memory for requested buffer of size \d+"  # its arena, on any provider
    r"|Available memory of \d+ is smaller than requested bytes of \d+"  # the same, gpu_mem_limit
    r"|(CUDA failure 2: )?out of memory"
    r"|CUBLAS_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_\w*ALLOC\w*_FAILED"
    r"|Failed to allocate \d+ bytes of memory"  # OpenVINO's CPU plugin
    r"|Exceeded max size of memory (object )?allocation"  # OpenVINO's GPU plugin
    r"|VK_ERROR_OUT_OF_(DEVICE|HOST)_MEMORY"  # WebGPU
    # The same, for a tensor that is larger than what one binding may hold: it is cut into several,
    # which its convolutions know nothing of.
    r"|raw_hash_map<>::at|Too many storage buffers in shader"
    r"|std::bad_alloc|bad allocation"
)


def allocation_failure(error: Exception) -> str | None:
    """What `error` of ONNX Runtime says about memory that it did not get; None if nothing."""
    found = _TEXTS.search(str(error))
    if found is not None:
        return found.group()
    return "no memory left" if isinstance(error, MemoryError) else None


@contextmanager
def enough_memory(provider: str, what: str) -> Iterator[None]:
    """Turn a failed allocation of ONNX Runtime into an error of ours; others stay as they are.

    Raises:
        DeviceMemoryError: names `provider` and `what` it had too little memory for.
    """
    try:
        yield
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        found = allocation_failure(error)
        if found is None:
            raise
        elsewhere = "" if provider == CPU else ", or compute with --provider cpu"
        raise DeviceMemoryError(
            f"{provider} has too little memory for {what} ({found}): end what else uses that "
            f"memory, build the bundle with a smaller --size{elsewhere}"
        ) from error


class ChunkSizes:
    """How many rows fit into memory at once, learned where more did not; threads may share it.

    Kept by kind of work, as a copy of an image takes other memory than a copy of activations.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._largest: dict[str, int] = {}
        self._said = False

    def largest(self, work: str, wanted: int) -> int:
        """`wanted`, or fewer where that is known not to fit."""
        with self._lock:
            return min(wanted, self._largest.get(work, wanted))

    def map(
        self,
        work: str,
        compute: Callable[[Rows], T],
        rows: Rows,
        wanted: int,
        progress: Progress | None = None,
    ) -> list[T]:
        """What `compute` makes of `rows`, in order, `wanted` rows at once or as many as fit.

        Args:
            work: the kind of work, in words that a warning can use.
            compute: of rows along the first axis; asked again with half of them where memory ran
                out, so the number at once must not change what it makes of a row.
            rows: the first axis is cut into chunks.
            wanted: at least 1.
            progress: told after every chunk.

        Raises:
            DeviceMemoryError: not even one row fits.
        """
        made: list[T] = []
        start = 0
        while start < len(rows):
            chunk = rows[start : start + self.largest(work, wanted)]
            try:
                made.append(compute(chunk))
            except DeviceMemoryError:
                if len(chunk) == 1:
                    raise
                self._shrink(work, len(chunk))
                continue
            self._say_once(work)
            start += len(chunk)
            if progress is not None:
                progress(start, len(rows))
        return made

    def _shrink(self, work: str, failed: int) -> None:
        """Half of what failed, not of what is on record: threads that fail together halve once."""
        with self._lock:
            fewer = self._largest[work] = min(failed // 2, self._largest.get(work, failed))
        _log.info("memory ran out for %d %s at once: trying %d", failed, work, fewer)

    def _say_once(self, work: str) -> None:
        """After the first success with fewer rows, so that the size named is one that fits."""
        with self._lock:
            size = self._largest.get(work)
            if size is None or self._said:
                return
            self._said = True
        _log.warning("memory ran out: from now on %d %s at once", size, work)
        warnings.warn(
            f"memory ran out: from now on {size} {work} at once. Results are the same; "
            f"chunk={size} (--chunk {size}) starts with it",
            SmallerChunkWarning,
            stacklevel=2,
        )
