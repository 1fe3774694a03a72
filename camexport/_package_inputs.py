"""What a model package is made of, checked: bundles of one network, and who prefers which."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from camexport.errors import FidelityError, OptionError
from camruntime.bundle import (
    EXACT,
    SIGNATURE,
    Bundle,
    Manifest,
    Precision,
    open_bundle,
)
from camruntime.provider_names import FULL, short_name

LOWER: tuple[Precision, ...] = ("fp16", "int8")
"""What is made of float32."""


def by_precision(paths: Sequence[Path]) -> dict[str, Bundle]:
    """The bundles at `paths` by their precision, float32 among them.

    Raises:
        BundleError: one is no bundle, or damaged.
        OptionError: one is signed, two are in the same precision, none is in float32, or they are
            of different networks.
    """
    found: dict[str, Bundle] = {}
    for path in paths:
        bundle = open_bundle(path)
        precision = bundle.manifest.precision
        if (bundle.folder / SIGNATURE).exists():
            raise OptionError(
                f"{path} is signed, which a package would lose: give a copy without {SIGNATURE}, "
                "and sign the package with `camexport sign`"
            )
        if precision in found:
            raise OptionError(
                f"{path} and {found[precision].folder} are both in {precision}: give one bundle "
                "for each precision"
            )
        found[precision] = bundle
    if EXACT not in found:
        raise OptionError(
            f"expected a bundle in {EXACT}, got only {', '.join(found)}: build it without "
            "--precision; the others are made of it, or given beside it"
        )
    for bundle in found.values():
        _require_same(found[EXACT], bundle)
    return found


def preferred_precisions(prefer: Sequence[tuple[str, str]]) -> dict[str, str]:
    """By full name, which precision each provider takes; raises `OptionError`."""
    found: dict[str, str] = dict.fromkeys(FULL.values(), EXACT)
    asked: set[str] = set()
    for name, precision in prefer:
        provider = _in_full(name)
        if precision not in (EXACT, *LOWER):
            raise OptionError(f"--prefer {name}={precision}: expected {', '.join((EXACT, *LOWER))}")
        if provider in asked:
            raise OptionError(f"--prefer names {name} twice: a provider takes one precision")
        asked.add(provider)
        found[provider] = precision
    return found


def _in_full(name: str) -> str:
    """A provider's full name; one that nearly is another would be taken by no provider at all."""
    known = FULL | {full.lower(): full for full in FULL.values()}
    if name.lower() in known:
        return known[name.lower()]
    if not (name.isidentifier() and name.endswith("ExecutionProvider")):
        raise OptionError(
            f"--prefer knows no provider {name!r:.60}: say {', '.join(FULL)}, or a full name "
            "of ONNX Runtime's, such as CoreMLExecutionProvider"
        )
    if near := difflib.get_close_matches(name, FULL.values(), 1, cutoff=0.9):
        raise OptionError(f"--prefer knows no provider {name!r:.60}: did you mean {near[0]}?")
    return name


def require_preferred(preferred: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    """Raise `FidelityError` where a provider prefers what is left out."""
    for provider, precision in preferred.items():
        if precision in left_out:
            asked = f"--prefer {short_name(provider)}={precision}"
            raise FidelityError(f"{asked}, which is left out: {left_out[precision]}")


def require_beside(out: Path, bundles: Sequence[Path]) -> None:
    """Refuse to replace a folder that holds what is packaged."""
    for bundle in bundles:
        if out.resolve() in (bundle.resolve(), *bundle.resolve().parents):
            raise OptionError(f"--out {out} holds the bundle {bundle}: choose another --out")


def _require_same(exact: Bundle, other: Bundle) -> None:
    wanted, got = _network(exact.manifest), _network(other.manifest)
    differing = [name for name, value in got.items() if value != wanted[name]]
    if differing:
        raise OptionError(
            f"{other.folder} is another network than {exact.folder}: they differ in "
            f"{', '.join(differing)}; give bundles of one network, built alike but for --precision"
        )


def _network(manifest: Manifest) -> dict[str, object]:
    """What is the same in every precision."""
    return {
        "model": (manifest.model, manifest.arguments, manifest.output),
        "weights": manifest.source.digest,
        "layers": manifest.layers,
        "preprocessing": manifest.input,
        "labels": (manifest.classes, manifest.labels, manifest.good),
        "probabilities": manifest.answer,
        "graphs": set(manifest.graphs),
    }
