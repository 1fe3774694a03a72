"""State dicts: fitted strictly to a network, and named by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from camexport.errors import WeightsError, one_line

EXTRA = "_extra_state"
"""End of the names of what modules keep beside tensors; it may be anything."""


def fit_state(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Load `state` into `network`, casting float16 and the like to the network's own types.

    Raises:
        WeightsError: a name is missing or left over, a shape differs, or casting loses what was
            meant, as of quantised weights.
    """
    own = network.state_dict()
    _check_types(own, state, origin)
    try:
        network.load_state_dict(state, strict=True)
    except Exception as error:  # networks load parts themselves, and raise what they like
        differences = _differences(own, state) or [_own_words(error, state)]
        raise WeightsError(
            f"the weights from {origin} do not fit the network: {'; '.join(differences)}"
        ) from error


def few(names: Iterable[str], count: int = 3) -> str:
    """The first of them, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - count} more" if len(listed) > count else ""
    return ", ".join(listed[:count]) + more


def digest_state(network: nn.Module) -> str:
    """SHA-256 over names, types, shapes and values of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors_of(network).items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights, without what it calls extra state, which need not be tensors."""
    state = network.state_dict()
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def not_numbers(network: nn.Module) -> list[str]:
    """Names of learned weights and of running statistics that hold NaN or infinity.

    Other buffers may: a mask of minus infinity is no fault.
    """
    learned = {name for name, _ in network.named_parameters()}
    return [
        name
        for name, value in tensors_of(network).items()
        if (name in learned or "running_" in name) and not value.isfinite().all()
    ]


def _check_types(own: Mapping[str, Tensor], state: Mapping[str, Tensor], origin: str) -> None:
    """`copy_` would round 300 to an int8's and take quantised steps for values, without a word."""
    for name, value in state.items():
        wanted = own.get(name)
        if wanted is None or name.endswith(EXTRA):
            continue
        counts = name.endswith("num_batches_tracked")  # not used in eval mode
        if not counts and (value.is_quantized or _kind(value.dtype) != _kind(wanted.dtype)):
            raise WeightsError(
                f"{name} is {value.dtype} in {origin} and {wanted.dtype} in the network: give "
                "weights that were not quantised or converted"
            )


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_floating_point:
        return "floating"
    return "complex" if dtype.is_complex else "integer"


def _own_words(error: Exception, state: Mapping[str, Tensor]) -> str:
    """What a network itself refuses: mnasnet weights of a version that nobody says."""
    said = one_line(error)
    if hasattr(state, "_metadata"):
        return said
    return (
        f"{said}; the file does not tell the versions of its modules, which "
        "torch.save(network.state_dict(), path) writes and safetensors or a plain dict do not"
    )


def _differences(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """What a state dict lacks, has too many of, or has in another shape."""
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [
        (name, tuple(value.shape), tuple(own[name].shape))
        for name, value in state.items()
        if name in own and not name.endswith(EXTRA) and value.shape != own[name].shape
    ]
    found = []
    if missing:
        found.append(f"missing {few(missing)}")
    if unexpected:
        found.append(f"not known {few(unexpected)}")
    if shapes:
        described = [f"{name} is {file} in the file and {net} here" for name, file, net in shapes]
        found.append(few(described, 2))
    if shapes and not missing and not unexpected and _other_classes(shapes):
        found.append(
            f"the file may have {shapes[-1][1][0]} classes and the network {shapes[-1][2][0]}: say "
            "--labels FILE with a line for each class, or --arg of your own callable"
        )
    return found


def _other_classes(shapes: list[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> bool:
    """Whether one layer's weight and bias alone differ, and only in how many rows they have."""
    layers = {name.rpartition(".")[0] for name, _, _ in shapes}
    return len(layers) == 1 and all(file and net and file[1:] == net[1:] for _, file, net in shapes)
