"""A network that was saved by `torch.export.save`: a file that may run code when it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import UnflattenedModule

from camexport.errors import TrustError, UnknownModelError, UnsupportedError, one_line
from camexport.models._architecture import Architecture, of_file

SUFFIX = ".pt2"
_SCRIPT = (".pt", ".pth", ".torchscript")


def find(name: str, trust: bool) -> Architecture | None:
    """The network in the exported program `name`; None for another suffix.

    Args:
        name: of the file.
        trust: whether code that it may hold may run.

    Raises:
        UnknownModelError: there is no such file, or it is no exported program.
        TrustError: there is one, and `trust` is off.
        UnsupportedError: its batch size is fixed, it does not take one image, or it is TorchScript.
    """
    path = Path(name)
    if path.suffix in _SCRIPT and path.is_file():
        raise UnsupportedError(
            f"{name} may be TorchScript, which torch.export does not trace, or a state dict: save "
            "the network with torch.export.save as .pt2; a state dict goes with --weights"
        )
    if path.suffix != SUFFIX:
        return None
    if not path.is_file():
        raise UnknownModelError(f"no file {path}: expected what torch.export.save wrote")
    if not trust:
        raise TrustError(
            f"{path} is an exported program, which torch unpickles: code in it would run; say "
            "--trust where you trust who wrote it, or give the network as .onnx"
        )
    try:
        program = torch.export.load(path)
    except Exception as error:  # zip, pickle and torch's own errors share no base below Exception
        raise UnknownModelError(
            f"cannot read {path} as an exported program: {one_line(error)}"
        ) from error

    size, channels = _shape(program, path.name)
    return of_file(path, size, lambda: _network(program), {}, channels)


class _Network(UnflattenedModule):
    """With one argument by name, as a trace asks for the shape of each, and able to be copied."""

    program: torch.export.ExportedProgram

    def forward(self, images: Tensor) -> Any:
        return super().forward(images)  # type: ignore[no-untyped-call]

    def __deepcopy__(self, _memo: object) -> nn.Module:
        copied = _network(self.program)  # what torch keeps beside the weights cannot be copied
        copied.load_state_dict(self.state_dict())  # they may have been changed since
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_always_called"):
            getattr(copied, hooks).update(getattr(self, hooks))
        return copied


def _network(program: torch.export.ExportedProgram) -> nn.Module:
    network = torch.export.unflatten(program)
    network.__class__ = _Network
    object.__setattr__(network, "program", program)  # of no kind that a module keeps
    return network


def _shape(
    program: torch.export.ExportedProgram, file: str
) -> tuple[tuple[int, int] | None, int | None]:
    """Size and channels of the images, None where the program leaves them open."""
    inputs = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[str(name)].meta.get("val") for name in inputs]
    if len(values) != 1 or not isinstance(values[0], Tensor) or values[0].ndim != 4:
        raise UnsupportedError(
            f"{file} takes {len(values)} input(s): expected an image (n, channels, H, W)"
        )
    batch, channels, height, width = list[Any](values[0].shape)  # integers or symbols
    if isinstance(batch, int):
        raise UnsupportedError(
            f"{file} was exported for batches of {batch}: export it again with "
            "dynamic_shapes=({0: torch.export.Dim('batch')},)"
        )
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return size, channels if isinstance(channels, int) else None
