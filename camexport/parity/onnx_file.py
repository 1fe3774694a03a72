"""Compare a PyTorch network with the ONNX file that it was read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

from camexport.errors import ParityError, UnsupportedError
from camexport.onnx_source import OnnxNetwork, as_float32
from camexport.parity.tolerances import FILE
from camruntime.engine import on_cpu

_IMAGES = 3
_FIXED = (
    "was exported for one batch size, and it cannot be made dynamic; export it again with a "
    "dynamic batch"
)


def compare_with_file(
    network: OnnxNetwork, path: Path, size: tuple[int, int], channels: int = 3
) -> None:
    """Run the file on ONNX Runtime, image by image, and the network on all images at once.

    So a batch size that was fixed in the file is also checked to be dynamic now.

    Raises:
        ParityError: they differ.
        UnsupportedError: one of them does not run at this size, or not in batches.
    """
    images = _images(network, (_IMAGES, channels, *size))
    try:
        expected = _original(network, path, images.numpy())
        with torch.no_grad():
            alone = network.run_alone(images[:1]).numpy()
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        raise UnsupportedError(
            f"{path.name} does not run on {channels} channel(s) at {size}: {error}"
        ) from error
    allowed = FILE[network.precision]
    if not _equal(alone, expected[:1], allowed):
        raise ParityError(
            f"{path.name} was read wrongly: PyTorch's logits {alone.shape} differ from ONNX "
            f"Runtime's {expected[:1].shape}; report the file"
        )
    try:
        with torch.no_grad():
            together = network(images).numpy()
    except Exception as error:  # whatever an operator raises at a shape that it was not made for
        raise UnsupportedError(f"{path.name} {_FIXED}: {error}") from error
    if not _equal(together, expected, allowed):
        raise UnsupportedError(f"{path.name} {_FIXED}: images of a batch change one another")


def _images(network: OnnxNetwork, shape: tuple[int, ...]) -> Tensor:
    """Noise that is the same in the file's own type."""
    generator = torch.Generator().manual_seed(0)
    if network.takes_pixels:
        return torch.randint(0, 256, shape, generator=generator).float()
    images = torch.randn(*shape, generator=generator)
    return images.half().float() if network.precision == "float16" else images


def _equal(found: NDArray[np.float32], expected: NDArray[np.floating], allowed: float) -> bool:
    if found.shape != expected.shape:
        return False
    scale = float(np.abs(expected).max()) or 1.0
    return bool(np.abs(found - expected).max() <= allowed * scale)


def _original(
    network: OnnxNetwork, path: Path, images: NDArray[np.float32]
) -> NDArray[np.floating]:
    proto = as_float32(path) if network.precision == "float64" else onnx.load(path)
    if network.output not in [value.name for value in proto.graph.output]:
        proto.graph.output.append(onnx.ValueInfoProto(name=network.output))
    run = on_cpu(proto.SerializeToString(), [network.output])
    ordered = images.transpose(0, 2, 3, 1) if network.channels_last else images
    (taken,) = (one for one in proto.graph.input if one.name == network.image)
    kind = helper.tensor_dtype_to_np_dtype(taken.type.tensor_type.elem_type)
    typed = ordered.astype(kind)
    return np.concatenate([run({network.image: image[None]})[0] for image in typed])
