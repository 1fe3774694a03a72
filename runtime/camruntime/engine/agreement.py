"""A session against what `bundle.json` says of its graph: names, types and shapes.

Digests tell damage. This tells a manifest and a graph that were never built together, such as one
that was edited and given a new digest.
"""

from __future__ import annotations

from typing import Any

from camruntime.bundle import Bundle, Manifest, cut_of
from camruntime.engine.session import Session
from camruntime.errors import BundleError


def require_agreement(session: Session, name: str, bundle: Bundle) -> None:
    """Refuse a session of the graph `name` that is not as the manifest says.

    Raises:
        BundleError: says what the graph has and what was expected.
    """
    manifest, graph = bundle.manifest, bundle.graph(name)
    sides = (session.get_inputs(), graph.inputs), (session.get_outputs(), graph.outputs)
    for found, names in sides:
        if [node.name for node in found] != [*names]:
            raise _refusal(bundle, name, [node.name for node in found], [*names])
        for node in found:
            _require_tensor(bundle, name, node, _expected(manifest, name).get(node.name))


def _require_tensor(bundle: Bundle, name: str, node: Any, shape: tuple[int, ...] | None) -> None:
    kind = "tensor(int64)" if node.name == "targets" else "tensor(float)"
    if node.type != kind:
        raise _refusal(bundle, name, f"{node.name} as {node.type}", kind)
    if shape is None:
        return
    trailing = node.shape[1:]
    fits = len(trailing) == len(shape) and all(
        one == other or not isinstance(one, int) for one, other in zip(trailing, shape, strict=True)
    )
    if not fits:
        raise _refusal(
            bundle, name, f"{node.name} {node.shape}", f"(n, {', '.join(map(str, shape))})"
        )


def _expected(manifest: Manifest, name: str) -> dict[str, tuple[int, ...]]:
    """What follows the first extent, of inputs and outputs whose shapes the manifest tells."""
    spec, layer = manifest.input, manifest.layers[cut_of(name)[1]]
    image = (spec.channels, *spec.size)
    return {
        "image": image,
        "masked": image if name == "mask_images" else layer.shape,
        "occluded": image,
        "activations": layer.shape,
        "gradient": layer.shape,
        "tokens": (layer.tokens, layer.shape[0]),
        "logits": (manifest.classes,),
        "targets": (),
    }


def _refusal(bundle: Bundle, name: str, found: object, expected: object) -> BundleError:
    return BundleError(
        f"graph '{name}' of {bundle.folder} has {found}, its bundle.json says {expected}: they "
        "were not built together; copy the bundle again or rebuild it"
    )
