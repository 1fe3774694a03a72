"""The bundles that the benchmarks' arguments name."""

from __future__ import annotations

from pathlib import Path

from camexport.build import BuildOptions, build_bundle
from camruntime.bundle import MANIFEST, Bundle, open_bundle


def named_bundle(name: str, weights: str, folder: Path) -> Bundle:
    """The bundle in the directory `name`, or the network of that name, built into `folder`."""
    if (Path(name) / MANIFEST).is_file():
        return open_bundle(name)
    return build_bundle(BuildOptions(model=name, weights=weights, out=folder)).bundle
