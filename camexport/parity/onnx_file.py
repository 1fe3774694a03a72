"""Compare a PyTorch network with the ONNX file that it was read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

from camexport.errors import ExportError, ParityError, UnsupportedError, one_line
from camexport.onnx_source import (
    OnnxNetwork,
    as_float32,
    as_rows,
    leave_one_output,
    open_file,
)
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

    So a batch size that was fixed in the file is also checked to be dynamic now. What is compared
    is what a final softmax or sigmoid reads: behind one that is saturated all files are equal.

    Raises:
        ParityError: they differ.
        UnsupportedError: one of them does not run at this size, or not in batches.
    """
    images = _images(network, (_IMAGES, channels, *size))
    name, at = path.name, f"on {channels} channel(s) at {size[0]}x{size[1]}"
    try:
        expected = scores_of_file(network, path, images.numpy())
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        raise UnsupportedError(
            f"{name} does not run on ONNX Runtime itself {at}: try another --size, and see whether "
            f"it runs there at all ({one_line(error)})"
        ) from error
    if not np.isfinite(expected).all():
        raise UnsupportedError(
            f"{name} itself answers random images with NaN or infinity: its weights are damaged, "
            "or it was exported untrained; give another export"
        )
    try:
        with torch.no_grad():
            network.run_alone(images[:1])
            alone = network.scores(images[:1]).numpy()
    except ExportError:
        raise
    except Exception as error:  # whatever an operator raises at a shape that it was not made for
        if network.fixed_batch > 1:
            raise UnsupportedError(
                f"{name} {_FIXED}: it takes {network.fixed_batch} at a time ({one_line(error)})"
            ) from error
        raise UnsupportedError(
            f"{name} does not run in PyTorch {at}, only on ONNX Runtime: {one_line(error)}; try "
            "another --size, or report the file"
        ) from error
    allowed = FILE[network.precision]
    if not _equal(alone, expected[:1], allowed):
        if network.fixed_batch > 1:
            raise UnsupportedError(f"{name} {_FIXED}: it takes {network.fixed_batch} at a time")
        raise ParityError(
            f"{name} was read wrongly: PyTorch's logits {alone.shape} differ from ONNX "
            f"Runtime's {expected[:1].shape}; report the file"
        )
    try:
        with torch.no_grad():
            together = network.scores(images).numpy()
    except Exception as error:  # as above
        raise UnsupportedError(f"{name} {_FIXED}: {one_line(error)}") from error
    if not _equal(together, expected, allowed):
        raise UnsupportedError(f"{name} {_FIXED}: images of a batch change one another")


def _images(network: OnnxNetwork, shape: tuple[int, ...]) -> Tensor:
    """Noise that is the same in the file's own type."""
    generator = torch.Generator().manual_seed(0)
    if network.white is not None:
        return torch.randint(0, network.white + 1, shape, generator=generator).float()
    images = torch.randn(*shape, generator=generator)
    return images.half().float() if network.precision == "float16" else images


def _equal(found: NDArray[np.float32], expected: NDArray[np.floating], allowed: float) -> bool:
    if found.shape != expected.shape:
        return False
    scale = float(np.abs(expected).max()) or 1.0
    return bool(np.abs(found - expected).max() <= allowed * scale)


def scores_of_file(
    network: OnnxNetwork, path: Path, images: NDArray[np.float32]
) -> NDArray[np.floating]:
    """What `network.scores` is to be, by ONNX Runtime on the CPU from the file, image by image.

    A file for a fixed batch gets the same image in every row.

    Args:
        network: what was read from the file.
        path: of the file.
        images: `(n, channels, H, W)`; cast to the file's own type.
    """
    proto = open_file(path)
    leave_one_output(proto, network.scored, path.name)  # and no input that only others read
    if network.precision == "float64":
        proto = as_float32(proto)
    run = on_cpu(proto.SerializeToString(), [network.scored])
    ordered = images.transpose(0, 2, 3, 1) if network.channels_last else images
    (taken,) = (one for one in proto.graph.input if one.name == network.image)
    typed = ordered.astype(helper.tensor_dtype_to_np_dtype(taken.type.tensor_type.elem_type))
    rows = network.fixed_batch
    found = [run({network.image: np.repeat(image[None], rows, 0)})[0] for image in typed]
    return np.concatenate([as_rows(each, rows)[:1] for each in found])
