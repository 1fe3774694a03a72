"""Compare the PyTorch network with the ONNX file that it was read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch

from camexport.errors import ParityError, UnsupportedError
from camexport.onnx_source.network import OnnxNetwork

TOLERANCE = 1e-4
"""Largest difference allowed, relative to the largest logit."""

_IMAGES = 3


def compare_with_file(network: OnnxNetwork, path: Path, size: tuple[int, int]) -> None:
    """Run the file on ONNX Runtime, image by image, and the network on all images at once.

    So a batch size that was fixed in the file is also checked to be dynamic now.

    Raises:
        ParityError: they differ.
        UnsupportedError: the file does not run on ONNX Runtime, or the network not at this size.
    """
    images = torch.randn(_IMAGES, 3, *size, generator=torch.Generator().manual_seed(0))
    try:
        expected = _original(network, path, images.numpy())
        with torch.no_grad():
            found = network(images).numpy()
    except Exception as error:  # ONNX Runtime's errors share no base below Exception
        raise UnsupportedError(f"{path.name} does not run at {size}: {error}") from error
    scale = float(np.abs(expected).max()) or 1.0
    if found.shape != expected.shape or not np.abs(found - expected).max() <= TOLERANCE * scale:
        raise ParityError(
            f"{path.name} was read wrongly, or its batch size cannot be made dynamic: PyTorch's "
            f"logits {found.shape} differ from ONNX Runtime's {expected.shape}; export it again "
            "with a dynamic batch, and report the file"
        )


def _original(
    network: OnnxNetwork, path: Path, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    import onnxruntime as ort  # camruntime's engine has said what to do where it is missing

    proto = onnx.load(path)
    if network.output not in [value.name for value in proto.graph.output]:
        proto.graph.output.append(onnx.ValueInfoProto(name=network.output))
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())
    ordered = images.transpose(0, 2, 3, 1) if network.channels_last else images
    rows = [session.run([network.output], {name: image[None]})[0] for image in ordered]
    return np.concatenate(rows)
