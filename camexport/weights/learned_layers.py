"""The learned layers of a traced network, in order of execution."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from torch import Tensor, nn

from camexport.tracing import MarkedProgram


@dataclass(frozen=True, eq=False)
class LearnedLayer:
    """A module with the parameters that it owns itself.

    Attributes:
        name: its path; of the network itself, its first parameter's name.
        module: the module.
        parameters: of more than one number each.
    """

    name: str
    module: nn.Module
    parameters: tuple[nn.Parameter, ...]


def learned_layers(program: MarkedProgram, network: nn.Module) -> tuple[LearnedLayer, ...]:
    """The modules of `network` that own parameters, in the order of their last use.

    The order is that in which `program`, a trace of `network`, uses the parameters, as not every
    module that owns some is called or returns a tensor: attention in torch runs its projection
    without calling it, and a vision transformer owns its class token itself. What the logits do not
    depend on is left out, such as an auxiliary classifier. Weights that modules share belong to the
    first that has them; parameters of a single number, as an ONNX file's constants are, to none.
    """
    last_use = _last_uses(program)
    found: dict[str, list[tuple[int, str, nn.Parameter]]] = {}
    for name, parameter in network.named_parameters():
        position = last_use.get(parameter.data_ptr())
        if position is not None and parameter.numel() > 1 and parameter.is_floating_point():
            found.setdefault(name.rpartition(".")[0], []).append((position, name, parameter))
    in_order = sorted(found, key=lambda path: max(position for position, _, _ in found[path]))
    return tuple(
        LearnedLayer(
            path or found[path][0][1],
            network.get_submodule(path),
            tuple(parameter for _, _, parameter in found[path]),
        )
        for path in in_order
    )


def _last_uses(program: MarkedProgram) -> dict[int, int]:
    """Where in the program each of its tensors is used last, by the tensor's address."""
    found: dict[int, int] = {}
    positions = {node: index for index, node in enumerate(program.module.graph.nodes)}
    for node in program.module.graph.find_nodes(op="get_attr"):
        value = attrgetter(node.target)(program.module)
        if isinstance(value, Tensor) and node.users:
            last = max(positions[user] for user in node.users)
            found[value.data_ptr()] = max(last, found.get(value.data_ptr(), 0))
    return found
