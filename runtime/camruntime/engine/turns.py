"""Whose turn it is to compute, on what several threads must not use at once."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

from camruntime.engine.kinds import KINDS, kind_of

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
