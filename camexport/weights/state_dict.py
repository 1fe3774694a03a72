"""State dicts: read from a file, fitted strictly, and named by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from camexport.errors import WeightsError


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict: `.safetensors`, or what `torch.save` wrote, without running its code.

    Raises:
        WeightsError: the file is missing, cannot be read, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(
            f"no weights at {path}: expected 'default', 'random' or the path of a state dict"
        )
    try:
        state = _load(path)
    except Exception as error:  # whatever damaged bytes provoke in the two loaders
        raise WeightsError(f"{path} cannot be read as a state dict: {error}") from error
    entries = dict(state) if isinstance(state, Mapping) else {}
    if not entries or not all(isinstance(value, Tensor) for value in entries.values()):
        raise WeightsError(
            f"{path} is not a state dict (names to tensors): found {type(state).__name__} "
            f"{list(entries)[:5]}; save it with torch.save(network.state_dict(), path)"
        )
    return entries


def fit_state(network: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Load `state` into `network`, casting float16 and the like to the network's own types.

    Raises:
        WeightsError: a name is missing or left over, or a shape differs.
    """
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"the weights from {origin} do not fit the network: {error}") from error


def digest_state(network: nn.Module) -> str:
    """SHA-256 over names, types, shapes and values of all weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
