"""A manifest in words, for the commands that show one."""

from __future__ import annotations

from camruntime.bundle.manifest import Manifest


def manifest_rows(manifest: Manifest) -> dict[str, str]:
    """By name, what every table about a bundle says; commands add what only they tell.

    `as in float32` is there for lower precisions alone.
    """
    rows = {
        "weights": manifest.source.name,
        "target layer": f"{manifest.layer.name} {manifest.layer.shape}",
        "classes": str(manifest.classes),
        "size": f"{manifest.weights.bytes / 1e6:.1f} MB of weights",
        "precision": manifest.precision,
    }
    if manifest.fidelity:
        rows["as in float32"] = "; ".join(map(str, manifest.fidelity))
    return rows
