"""What is changed for the graphs is a copy, and only there: a build has room for few of them."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from camexport.graphs import fold_batch_norms, store_cell_major
from camexport.tracing import Split, split, trace

SIZE = (16, 16)


def _parts(network: nn.Module) -> Split:
    return split(trace(network.eval(), SIZE), "0")


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    norm.running_mean, norm.running_var = torch.randn(4), torch.rand(4) + 0.5
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3, padding=1),
        norm,
        nn.Flatten(),
        nn.Linear(4 * 256, 2),
    )


def _tensors(module: fx.GraphModule) -> set[int]:
    return {value.data_ptr() for value in (*module.parameters(), *module.buffers())}


def test_a_split_network_shares_its_weights() -> None:
    network = _network()
    parts = _parts(network)
    own = {value.data_ptr() for value in network.state_dict().values()}
    assert _tensors(parts.head) | _tensors(parts.tail) <= own


def test_changing_weights_leaves_the_given_module_as_it_was() -> None:
    """Also its graph, which the other would keep alive."""
    network = _network()
    tail = _parts(network).tail
    code, tensors = tail.code, _tensors(tail)
    changed = store_cell_major(fold_batch_norms(tail))
    assert "_by_cell" in changed.code
    assert "batch_norm" not in changed.code
    assert (tail.code, _tensors(tail)) == (code, tensors)
    assert tail.graph.owning_module is tail
    values = torch.randn(2, 4, *SIZE)
    wanted: Tensor = network[1:](values)
    for one in (tail, changed):
        torch.testing.assert_close(one(values), wanted, rtol=1e-5, atol=1e-6)
