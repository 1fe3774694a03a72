"""What a page says of each method, from the registry: its docstrings, its options, what it asks."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import camruntime
from camruntime.budget.rehearsal import of_layer, rehearse
from camruntime.bundle import OF_A_CUT, SECOND, Manifest, at_cut
from camruntime.methods import (
    HELPERS,
    METHODS,
    NAMED,
    RELATIVE,
    Method,
    choices,
    make_method,
    preferred,
    unit_of,
)

ROOT = Path(__file__).parents[2]
INSPECTOR = ROOT / "exported_models" / "inspector"
INNER = "recipro-cam"
"""What a helper is shown around."""

_GRAPHS = {
    "gradient": "gradients",
    "mask_images": "masked images",
    "mask_activations": "masked activations",
    "occlude_images": "occluded images",
    SECOND: "a second layer",
}
_NO_UNIT = "none; it says where, not how much"
_ONE = {
    "passes": "pass",
    "tails": "tail",
    "gradients": "gradient",
    "grids of single cells": "grid of single cells",
}
_TAILS = ("logits_of_masked_activations", "logits_of_ablated_channels", "logits_of_layer")


def overview() -> str:
    """A table of all of them."""
    lines = [
        "| method | needs | beside the plain pass: the inspector | 1280 channels, 7 x 7 cells |",
        "|---|---|---|---|",
    ]
    seen = Counter[str]()
    for title, spec in titles():
        method = make_method(spec)
        costs = (_cost(method, of) for of in (inspector(), wide()))
        anchor = re.sub(r"[^\w-]", "", title)
        link = f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor  # as pages number them
        seen[anchor] += 1
        lines.append(f"| [`{spec}`](#{link}) | {_needs(method)} | {' | '.join(costs)} |")
    return "\n".join(lines)


def titles() -> list[tuple[str, str]]:
    """What each entry is called, and the spec that shows it."""
    return [(name, name) for name in METHODS] + [(f"{one}/", f"{one}/{INNER}") for one in HELPERS]


def entries() -> Iterator[str]:
    """Markdown of every method, then of every helper."""
    yield "## Methods"
    for name, kind in METHODS.items():
        yield _entry(name, name, kind, make_method(name))
    yield "## Helpers, around any method"
    for name, kind in HELPERS.items():
        yield _entry(f"{name}/", f"{name}/{INNER}", kind, make_method(f"{name}/{INNER}"))


def _entry(title: str, spec: str, kind: type, method: Method) -> str:
    module = inspect.getdoc(sys.modules[kind.__module__]) or ""
    first, *rest = module.split("\n\n")
    body, options = _parted(inspect.getdoc(kind) or "")
    unit = unit_of(method)
    facts = [
        f"*Needs*: {_needs(method)}.",
        f"*Unit of the raw map*: {_NO_UNIT if unit == RELATIVE else unit}.",
        f"*Cost*: {_cost(method, inspector())} on the inspector (96 channels, 16 x 16 cells); "
        f"{_cost(method, wide())} with 1280 channels and 7 x 7 cells.",
    ]
    named = [
        f"`{short}` is `{':'.join([whose, *(f'{key}={value}' for key, value in of.items())])}`."
        for short, (whose, of) in NAMED.items()
        if whose == title
    ]
    return "\n\n".join(
        [
            f"### `{title}`",
            f"![{spec} of a photograph and of a defect](methods/{file_of(title)})",
            first,
            *rest,
            body,
            " ".join(facts),
            *([" ".join(named)] if named else []),
            *([_options(kind, options)] if choices(kind) else []),
        ]
    )


def file_of(title: str) -> str:
    """The name of a method's picture."""
    return f"{title.rstrip('/')}.png"


def _parted(doc: str) -> tuple[str, dict[str, str]]:
    """The text of a class, and what it says of each of its options."""
    body, _, listed = doc.partition("\nAttributes:\n")
    options: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if found := re.match(r" {4}(\w[\w, ]*): (.*)", line):
            name = found[1]
            options[name] = found[2]
        elif name and line.strip():
            options[name] += " " + line.strip()
    return body.strip(), options


def _options(kind: type, said: dict[str, str]) -> str:
    lines = ["| option | default | values | |", "|---|---|---|---|"]
    for option, (default, values) in choices(kind).items():
        cells = (f"`{option}`", f"`{default}`" if default else "", values, said.get(option, ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _needs(method: Method) -> str:
    """Graphs beside head and tail, in words."""
    return ", ".join(_GRAPHS[one] for one in sorted(method.needs)) or "nothing but the network"


def inspector() -> Manifest:
    """The network that ships with the project."""
    return camruntime.open_bundle(INSPECTOR).manifest


def wide() -> Manifest:
    """As if it were MobileNetV2: nothing is run."""
    own = inspector()
    layer = replace(own.layer, shape=(1280, 7, 7), spatial=(7, 7))
    labels = tuple(str(one) for one in range(1000))
    size = replace(own.input, size=(224, 224))
    return replace(own, layer=layer, input=size, classes=1000, labels=labels, good=None)


def _cost(method: Method, manifest: Manifest) -> str:
    """Beside the plain pass, what it asks about one class."""
    asked: Counter[str] = Counter()
    asked_of = _twice(manifest) if SECOND in method.needs else manifest
    for question, rows in rehearse(method, asked_of, [0], cells=True).questions:
        kind, _ = of_layer(question)
        if not kind.startswith("edges"):
            asked[_kind(kind)] += rows
    if not asked and "cells" in preferred([method]):
        return "its cells, with it"
    listed = (f"{count:,} {_ONE[kind] if count == 1 else kind}" for kind, count in asked.items())
    return " and ".join(listed) or "nothing"


def _kind(question: str) -> str:
    if question == "gradients":
        return "gradients"
    if question == "logits_of_single_cells":
        return "grids of single cells"
    return "tails" if question in _TAILS else "passes"


def _twice(manifest: Manifest) -> Manifest:
    """As if the network were split at a second layer, like the first."""
    graphs = {at_cut(one, 1): manifest.graphs[one] for one in OF_A_CUT if one in manifest.graphs}
    files = {name: replace(graph, file=f"{name}.onnx") for name, graph in graphs.items()}
    more = (replace(manifest.layer, name="another"),)
    return replace(manifest, more_layers=more, graphs={**manifest.graphs, **files})
