"""Which layers a network can be split at, and which one is the default."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from camexport.errors import NotSpatialError
from camexport.tracing.layout import Layout
from camexport.tracing.split import grid_matters, has_weights, is_cut, unmarked
from camexport.tracing.trace import MarkedProgram


@dataclass(frozen=True)
class Candidate:
    """A layer with a grid of activations.

    Attributes:
        name: module path.
        kind: the module's class.
        layout: of its activations.
        cut: whether the network can be split here.
        default: whether `camexport build` takes it unless told otherwise.
    """

    name: str
    kind: str
    layout: Layout
    cut: bool
    default: bool


def candidates(program: MarkedProgram, network: nn.Module) -> list[Candidate]:
    """All layers with activations on a grid above 1 x 1, in order of execution."""
    modules = dict(network.named_modules())
    chosen = _choose(program, modules)
    return [
        Candidate(
            path,
            type(modules[path]).__name__,
            program.layouts[path],
            is_cut(program, mark),
            path == chosen,
        )
        for path, mark in program.marks.items()
        if _is_spatial(program, path)
    ]


def default_layer(program: MarkedProgram, network: nn.Module) -> str:
    """The last cut with a grid above 1 x 1 that still has learned layers behind it.

    Of the modules that end there the outermost is named (`layer4`, not `layer4.1.relu`). Pooling
    and dropout layers are passed over, and so is one whose channels already are the classes, as
    SqueezeNet's last convolution. Behind a layer whose class token alone decides, as in a vision
    transformer's last block, no grid matters any more.

    Raises:
        NotSpatialError: there is none.
    """
    chosen = _choose(program, dict(network.named_modules()))
    if chosen is None:
        raise NotSpatialError(_why_none(program))
    return chosen


def _why_none(program: MarkedProgram) -> str:
    """What an explanation would need, and in what the network's layers lack it."""
    grids = [path for path in program.marks if _is_spatial(program, path)]
    cuts = [path for path in grids if is_cut(program, program.marks[path])]
    if cuts:
        return (
            f"of the layers on a grid that everything passes, the last of which is '{cuts[-1]}', "
            "none has learned layers behind it that look at the grid: name one with --layer if it "
            "is to be explained all the same"
        )
    if grids:
        return (
            f"no layer of this network is a cut: {len(grids)} have activations on a grid above "
            f"1 x 1, as '{grids[-1]}', but the image reaches the logits past each of them, in "
            "branches side by side; expected one that everything passes: use another network, or "
            "join its branches in one module whose output is one grid"
        )
    return (
        "no layer of this network has activations on a grid above 1 x 1, which a saliency map "
        "needs: give a larger --size, or use another network"
    )


def _choose(program: MarkedProgram, modules: dict[str, nn.Module]) -> str | None:
    usable = [
        path
        for path, mark in program.marks.items()
        if _is_spatial(program, path)
        and not _passed_over(modules[path])
        and is_cut(program, mark)
        and has_weights(program, mark)
    ]
    while usable and not grid_matters(program, usable[-1]):
        usable.pop()
    if not usable:
        return None
    last = unmarked(program.marks[usable[-1]])
    same = [path for path in usable if unmarked(program.marks[path]) is last]
    return min(same, key=lambda path: path.count("."))


def _is_spatial(program: MarkedProgram, path: str) -> bool:
    layout = program.layouts.get(path)
    return layout is not None and layout.shape[1] * layout.shape[2] > 1


def _passed_over(module: nn.Module) -> bool:
    leaf = next(module.children(), None) is None
    return leaf and any(word in type(module).__name__ for word in ("Pool", "Dropout"))
