"""Whether a network answers each image by itself, with the same numbers every time.

Its graphs do: of one that does not they would be another network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from camexport.errors import ParityError, UnsupportedError
from camexport.models._run import run
from camexport.weights import few, in_float64, not_numbers, tensors_of, wide

_IMAGES = 3
_SAME = 1e-5  # of the largest logit, between two passes of the same images
_ALONE = 1e-4  # between batches of other sizes, which are summed in another order
_ALIKE = 1e-6  # between answers to different images, which is rounding
_STRENGTHS = (1, 10, 100)  # of noise: some networks take values of 0-255, others clip what is weak
_COARSE = 4  # cells of noise in height and width, each as large as the things in photographs
_ALONE_EXACT = 1e-6  # and in float64, for networks that multiply rounding errors


def require_float32(network: nn.Module, name: str) -> None:
    """Refuse weights that are not float32 on the CPU, as a bundle's are.

    Raises:
        UnsupportedError: names some that are not.
    """
    for path, value in tensors_of(network).items():
        if value.device.type != "cpu":
            raise UnsupportedError(
                f"{path} of {name} is on the device '{value.device}': expected a network on the "
                "CPU, with values; move it there with .cpu() before it is returned"
            )
        if value.is_quantized or (value.is_floating_point() and value.dtype != torch.float32):
            raise UnsupportedError(
                f"{path} of {name} is {value.dtype}: expected a network in torch.float32, as "
                ".float() makes it; `--precision fp16` or `int8` makes the bundle smaller"
            )


def leave_inference_mode(network: nn.Module) -> None:
    """Copy what a network keeps of passes in inference mode: autograd takes no such tensors."""
    for module in network.modules():
        for table in (vars(module), module._buffers):
            for name, value in table.items():
                if isinstance(value, Tensor) and value.is_inference():
                    table[name] = value.clone()
        for name, weight in module._parameters.items():
            if weight is not None and weight.is_inference():
                module._parameters[name] = nn.Parameter(weight.clone())


def require_classifier(network: nn.Module, size: tuple[int, int], channels: int = 3) -> None:
    """Run `network` on noise `(3, channels, *size)`, and refuse what no graph could be true to.

    Raises:
        UnsupportedError: it does not run, its answer for an image depends on the other images of
            the batch or on chance or on earlier images, or not on the image at all, or there is not
            one for each image.
        ParityError: its answers are not numbers.
    """
    images = torch.randn(_IMAGES, channels, *size, generator=torch.Generator().manual_seed(0))
    together = run(network, images)
    if len(together) != _IMAGES:
        raise UnsupportedError(
            f"the network answers {_IMAGES} images with a tensor of shape {tuple(together.shape)}: "
            "expected a row of logits for each image"
        )
    _require_numbers(network, images, together)
    if _alike(together):
        _require_dependence(network, images)
    first, alone, again = together, _each(network, images), run(network, images)
    if not _far(first, again, _SAME) and _far(first, alone, _ALONE):
        first, again = alone, _each(network, images.flip(0)).flip(0)
    if _far(first, again, _SAME):
        raise UnsupportedError(
            "the network answers the same images differently each time, by "
            f"{_difference(first, again):.0e} of the largest logit: chance is in it, such as "
            "dropout with training=True or noise, or what it keeps of earlier images; take that out"
        )
    if _far(together, alone, _ALONE) and _also_in_float64(network, images):
        raise UnsupportedError(
            "the network's answer for an image depends on the other images of its batch, by "
            f"{_difference(together, alone):.0e} of the largest logit: "
            f"{_training(network) or 'it takes a mean or the like over the batch'}; expected one "
            "that answers each image by itself"
        )


def _require_dependence(network: nn.Module, images: Tensor) -> None:
    """Refuse a network that answers strong and coarse noise, too, as it answers `images`."""
    generator = torch.Generator().manual_seed(1)
    few = torch.randn(*images.shape[:2], _COARSE, _COARSE, generator=generator)
    coarse = nn.functional.interpolate(few, images.shape[2:], mode="bilinear")
    kinds = [strength * kind for strength in _STRENGTHS for kind in (images, coarse)]
    if _alike(torch.cat([run(network, kind) for kind in kinds])):
        raise UnsupportedError(
            "the network gives the same answer for every image of noise, fine and coarse, weak and "
            "strong: its logits do not depend on the picture, as of weights that are all alike or "
            "dead ReLUs, or of an output that is clipped, and nothing could be explained; give "
            "weights of a training, or the network without what bounds its outputs (see --output)"
        )


def _alike(answers: Tensor) -> bool:
    """Whether all rows are the same but for rounding."""
    return not _far(answers[:1].expand_as(answers), answers, _ALIKE)


def _each(network: nn.Module, images: Tensor) -> Tensor:
    """Answers for the images one by one."""
    rows = [run(network, image[None]) for image in images]
    return torch.cat([row for row in rows if isinstance(row, Tensor)])


def _difference(one: Tensor, other: object) -> float:
    if not isinstance(other, Tensor) or other.shape != one.shape:
        return float("inf")
    return float((one - other).abs().max()) / (float(one.abs().max()) or 1.0)


def _far(one: Tensor, other: object, allowed: float) -> bool:
    return not _difference(one, other) <= allowed


def _also_in_float64(network: nn.Module, images: Tensor) -> bool:
    """Whether images of a batch differ from the same alone by more than rounding."""
    try:
        with in_float64(network) as exact, wide(), torch.no_grad():
            together = exact(images.double())
            apart = torch.cat([exact(image[None]) for image in images.double()])
    except Exception:  # a network with float32 in its code, or one that cannot be copied
        return True
    return _far(together, apart, _ALONE_EXACT)


def _training(network: nn.Module) -> str:
    """Modules that a pass left in training mode."""
    names = [name for name, module in network.named_modules() if module.training and name]
    return f"its forward leaves {few(names)} in training mode" if names else ""


def _require_numbers(network: nn.Module, images: Tensor, logits: Tensor) -> None:
    if logits.isfinite().all():
        return
    bad = not_numbers(network)
    if bad:
        raise ParityError(
            f"the weights hold NaN or infinite values, in {few(bad)}, and so do the logits: give "
            "weights of before the training went wrong"
        )
    with _outputs(network) as seen:
        run(network, images)
    raise ParityError(
        "the logits of images of noise are NaN or infinite, though the weights are not: float32 is "
        f"not enough from '{seen[0] if seen else 'the logits'}' on; look for an exp, a division or "
        "a square of large values, or another --mean and --std"
    )


@contextmanager
def _outputs(network: nn.Module) -> Iterator[list[str]]:
    """While the block runs, collect the modules whose outputs are not all finite, in order."""
    seen: list[str] = []

    def watch(path: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                seen.append(path)

        return network.get_submodule(path).register_forward_hook(hook)

    handles = [watch(path) for path, _ in network.named_modules() if path]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
