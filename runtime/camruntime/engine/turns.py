"""Whose turn it is to compute, on what several threads must not use at once."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

from camruntime.engine.kinds import KINDS, Kind, kind_of
from camruntime.errors import ProviderError

Turn = AbstractContextManager[object]
"""Entered to compute; again by the same thread, too."""

_AT_ONCE: Turn = nullcontext()
_PROVIDERS: dict[str, Turn] = {
    name: threading.RLock() for name, kind in KINDS.items() if kind.alone
}


def turn_of(provider: str, capture: bool) -> Turn:
    """What an engine computes within.

    Args:
        provider: in full. One that is not safe from several threads has one turn for all its
            sessions in this process.
        capture: whether runs are recorded, on memory that threads would overwrite for each other:
            then an engine has a turn of its own.
    """
    if kind_of(provider).alone:
        return _PROVIDERS[provider]
    return threading.RLock() if capture else _AT_ONCE


def require_own_process(kind: Kind, opened: int) -> None:
    """Raise `ProviderError` in a fork of the process `opened`, whose threads are not there.

    WebGPU would wait for them forever, OpenVINO at the latest when it ends.
    """
    if opened != os.getpid():
        raise ProviderError(
            f"{kind.short} was opened before this process was forked, and does not work in the "
            "fork: load it there alone, or start processes by multiprocessing's 'spawn'"
        )
