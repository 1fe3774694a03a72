"""A classifier of which only the ONNX file is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from camexport.errors import UnknownModelError
from camexport.models._architecture import Architecture, of_file
from camexport.onnx_source import OnnxNetwork, read_network

SUFFIX = ".onnx"


def find(name: str, output: str | None) -> Architecture | None:
    """The network in the ONNX file `name`, up to its tensor `output`; None for another suffix.

    Raises:
        UnknownModelError: there is no such file, or it is no ONNX.
        UnsupportedError, OptionError: see `camexport.onnx_source`.
    """
    path = Path(name)
    if path.suffix.lower() == ".ort":
        raise UnknownModelError(
            f"{path} is in ONNX Runtime's own format: give the .onnx file that it was made from"
        )
    if path.suffix.lower() != SUFFIX:
        return None
    network = read_network(path, output)

    def compare(network: nn.Module, size: tuple[int, int], channels: int) -> None:
        # Only here, as ONNX Runtime is needed for it, and for nothing that comes before.
        from camexport.parity import compare_with_file

        assert isinstance(network, OnnxNetwork)
        compare_with_file(network, path, size, channels)

    found = of_file(path, network.size, lambda: network, network.aliases, network.channels)
    return replace(found, white=network.white, compare=compare)
