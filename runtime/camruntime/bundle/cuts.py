"""What the graphs of a bundle with several target layers are called.

Those of the first layer are `head`, `tail` and so on, as in a bundle with one; those of the second
`head_2`, `tail_2`, and so on. Graphs that perturb are the network's, and there once.
"""

from __future__ import annotations

import re

OF_A_CUT = ("head", "tail", "gradient", "cells", "head_cells")
"""Graphs that there is one of for each layer."""

SECOND = "head_2"
"""A bundle has it if it has several layers."""

_LATER = re.compile(f"({'|'.join(OF_A_CUT)})_([2-9]|[1-9][0-9]{{1,3}})")


def at_cut(graph: str, cut: int) -> str:
    """The name, in its bundle, of a graph at the layer with index `cut`, 0 for the first."""
    return f"{graph}_{cut + 1}" if cut and graph in OF_A_CUT else graph


def cut_of(name: str) -> tuple[str, int]:
    """The graph that `name` means, and the index of its layer; 0 too of what has no layer."""
    found = _LATER.fullmatch(name)
    return (found[1], int(found[2]) - 1) if found else (name, 0)
