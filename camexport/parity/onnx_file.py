"""Compare a PyTorch network with the ONNX file that it was read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from camexport.errors import ParityError, UnsupportedError
from camexport.onnx_source import OnnxNetwork
from camexport.parity.tolerances import FILE
from camruntime.engine import on_cpu

_IMAGES = 3
_FIXED = (
    "was exported for one batch size, and it cannot be made dynamic; export it again with a "
    "dynamic batch"
)


def compare_with_file(network: OnnxNetwork, path: Path, size: tuple[int, int]) -> None:
    """Run the file on ONNX Runtime, image by image, and the network on all images at once.

    So a batch size that was fixed in the file is also checked to be dynamic now.

    Raises:
        ParityError: they differ.
        UnsupportedError: one of them does not run at this size, or not in batches.
    """
    images = torch.randn(_IMAGES, 3, *size, generator=torch.Generator().manual_seed(0))
    try:
        expected = _original(network, path, images.numpy())
        with torch.no_grad():
            alone = network.run_alone(images[:1]).numpy()
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        raise UnsupportedError(f"{path.name} does not run at {size}: {error}") from error
    if not _equal(alone, expected[:1]):
        raise ParityError(
            f"{path.name} was read wrongly: PyTorch's logits {alone.shape} differ from ONNX "
            f"Runtime's {expected[:1].shape}; report the file"
        )
    try:
        with torch.no_grad():
            together = network(images).numpy()
    except Exception as error:  # whatever an operator raises at a shape that it was not made for
        raise UnsupportedError(f"{path.name} {_FIXED}: {error}") from error
    if not _equal(together, expected):
        raise UnsupportedError(f"{path.name} {_FIXED}: images of a batch change one another")


def _equal(found: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    if found.shape != expected.shape:
        return False
    scale = float(np.abs(expected).max()) or 1.0
    return bool(np.abs(found - expected).max() <= FILE * scale)


def _original(network: OnnxNetwork, path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    proto = onnx.load(path)
    if network.output not in [value.name for value in proto.graph.output]:
        proto.graph.output.append(onnx.ValueInfoProto(name=network.output))
    run = on_cpu(proto.SerializeToString(), [network.output])
    ordered = images.transpose(0, 2, 3, 1) if network.channels_last else images
    return np.concatenate([run({network.image: image[None]})[0] for image in ordered])
