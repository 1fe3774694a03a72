"""Memory that one picture freed, kept for the next.

The C library of Linux gives the end of its heap back to the system whenever 128 KiB of it are free,
and then asks for it again, page by page: 240 pages and 0.4 ms for each picture of 224 x 224. It
keeps more once a large block has been freed (`M_TRIM_THRESHOLD` in mallopt(3) is then twice that
block), which a program that has read large files has done anyway. On other systems this does
nothing.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 8 * 2**20
"""Bytes; of more than 32 MiB, freeing a block would change nothing."""


def keep_freed_memory() -> None:
    """Let up to 16 MiB that are free stay with each thread's heap. The block is never touched."""
    np.empty(_BLOCK, np.uint8)
