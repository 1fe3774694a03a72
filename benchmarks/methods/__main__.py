"""Write docs/methods.md: every method and helper from the registry, with pictures and a chart.

    python benchmarks/methods [--photograph PNG --bundle BUNDLE] [--results build/results]

The text needs nothing but the project. The pictures, in docs/methods/, are drawn where a photograph
and a bundle of a network that knows it are given; the chart, docs/methods.png, from the evaluations
of `benchmarks/results`. What stands at the top is `opening.md`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from methods import chart, pictures
from methods.entries import ROOT, entries, overview

DOCS = ROOT / "docs"
OPENING = Path(__file__).parent / "opening.md"


def page() -> str:
    """The whole page."""
    opening = OPENING.read_text(encoding="utf-8").rstrip()
    return "\n\n".join([opening, overview(), *entries()]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photograph", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    if given.photograph and given.bundle:
        pictures.draw(given.photograph, given.bundle, DOCS / "methods")
    if given.results:
        chart.draw(given.results, DOCS / "methods.png")
    (DOCS / "methods.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
