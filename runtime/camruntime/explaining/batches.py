"""Photographs in batches: while the network looks at one batch, threads read the next.

Threads that read and threads that compute may share the cores. Tried on two, that takes no more
processor time than one after the other, so there is no rule for who gets how many.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

from camruntime.errors import CamError
from camruntime.explaining.in_threads import in_threads
from camruntime.explaining.photographs import Photograph

Item = TypeVar("Item")
Taken = TypeVar("Taken")
Read = TypeVar("Read", bound=Photograph | CamError)

_ROOM = 256 * 2**20
"""Bytes of photographs in a batch: seven of 12 megapixels. As many are read ahead."""


def in_batches(
    take: Callable[[Item], Taken],
    read: Callable[[Taken], Read],
    items: Iterable[Item],
    threads: int,
    most: int,
) -> Generator[Sequence[Read], None, None]:
    """`read(take(item))` for every item, in order, some at once and as many read ahead.

    An error that is raised comes in its turn: what came before it is a batch by itself.

    Args:
        take: called in the caller's thread, as soon as there is an item.
        read: called in threads.
        items: any number of them.
        threads: at most so many.
        most: photographs in a batch. There are fewer where they are large: as many as fit into 256
            MiB if they are like the largest of the batch before, and at least one.
    """
    size = 1  # until the first one shows how large they are
    batch: list[Read] = []
    with closing(in_threads(read, map(take, items), threads, lambda: size)) as opened:
        try:
            for one in opened:
                batch.append(one)
                if len(batch) >= size:
                    fitting = _ROOM // max(map(_bytes, batch))
                    size = max(1, min(most, fitting))
                    yield batch
                    batch = []
        except Exception:
            if batch:
                yield batch
            raise
        if batch:
            yield batch


def _bytes(one: Photograph | CamError) -> int:
    return one.picture.nbytes if isinstance(one, Photograph) else 1
