"""A classifier of which only the ONNX file is left."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from camexport.errors import OptionError, UnknownModelError
from camexport.models._architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture
from camexport.onnx_source import read_network
from camexport.onnx_source.checking import compare_with_file
from camruntime.bundle import Input

SUFFIX = ".onnx"


def find(name: str, output: str | None) -> Architecture | None:
    """The network in the ONNX file `name`, up to its tensor `output`; None for another suffix.

    Raises:
        UnknownModelError: there is no such file, or it is no ONNX.
        UnsupportedError, OptionError: see `camexport.onnx_source`.
    """
    path = Path(name)
    if path.suffix != SUFFIX:
        return None
    if not path.is_file():
        raise UnknownModelError(f"no file {path}: expected the path of an ONNX classifier")

    network = read_network(path, output)
    size = network.size or (224, 224)

    def publish() -> nn.Module:
        compare_with_file(network, path, size)
        return network

    def make(_classes: int | None) -> nn.Module:
        raise OptionError(f"{name} brings its own weights: leave --weights out")

    return Architecture(
        name=name,
        make=make,
        publish=publish,
        weights_name=path.name,
        input=Input(
            size=size,
            colour="RGB",
            resize="squash",
            shorter_side=None,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        input_assumed=True,
        labels=(),
        aliases=network.aliases,
    )
