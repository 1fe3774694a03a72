"""A manifest in words, for the commands that show one."""

from __future__ import annotations

from camruntime.bundle.manifest import Answer, Manifest
from camruntime.bundle.opening_package import Package
from camruntime.bundle.package import EXACT
from camruntime.provider_names import short_name

ASSUMED = "assumed"
"""The row of what nobody said of the preprocessing."""


def in_words(answer: Answer) -> str:
    """How logits become probabilities, in a line."""
    if answer.one_logit:
        return "sigmoid of one logit, that of the second class"
    return {
        "softmax": "softmax over the classes",
        "sigmoid": f"sigmoid of each class by itself, which is there from {answer.threshold:g} on",
        "none": "none: the network's answer is taken as it is",
    }[answer.probabilities]


def manifest_rows(manifest: Manifest) -> dict[str, str]:
    """By name, what every table about a bundle says; commands add what only they tell.

    `as in float32` is there for lower precisions alone, `assumed` where something was.
    """
    rows = {
        "weights": manifest.source.name,
        "target layer": ", ".join(f"{one.name} {one.shape}" for one in manifest.layers),
        "classes": f"{manifest.classes}{_good(manifest)}",
        "probabilities": in_words(manifest.answer),
        "size": f"{manifest.weights.bytes / 1e6:.1f} MB of weights",
        "precision": manifest.precision,
    }
    if manifest.fidelity:
        rows["as in float32"] = "; ".join(map(str, manifest.fidelity))
    if manifest.input.assumed:
        rows[ASSUMED] = f"{manifest.input.assumed_values()}: nobody said so when it was built"
    return rows


def warned(manifest: Manifest) -> tuple[str, ...]:
    """Names of the rows that are a warning."""
    return (ASSUMED,) if manifest.input.unnoticed else ()


def _good(manifest: Manifest) -> str:
    """Which class is that of good parts, where somebody said so."""
    return "" if manifest.good is None else f" ('{manifest.labels[manifest.good]}' is good)"


def package_rows(package: Package) -> dict[str, str]:
    """A row for each variant of a package, after checking all its files.

    Raises:
        BundleError: a variant is damaged.
    """
    rows = {}
    for name, one in package.manifest.variants.items():
        known = manifest_rows(package.open(name).manifest)
        taken = ", ".join(map(short_name, one.providers))
        if name == EXACT:
            taken = f"{taken}, and wherever no other is" if taken else "wherever no other is"
        found = [known["size"], f"taken on {taken}" if taken else "taken by name alone"]
        if "as in float32" in known:
            found.append(f"as in float32: {known['as in float32']}")
        rows[f"variant {name}"] = "; ".join(found)
    return rows
