"""Feature CAM: a map of the Grad-CAM family combined with the picture's edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from reference import grad_cam, grad_cam_plus_plus, smooth_grad_cam_plus_plus
from reference._pictures import Colour, stretch, to_pixels, upsample

_BASES = {
    "grad-cam": grad_cam.reference,
    "grad-cam++": grad_cam_plus_plus.reference,
    "smooth-grad-cam++": smooth_grad_cam_plus_plus.reference,
}


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    base: str = "grad-cam",
    input: int = 2,  # noqa: A002  # the method's own name for it
    experiment: int = 1,
    k: float = 0.25,
    ratio2: float = 2.0,
    ratio3: float = 1.0,
    limit: str = "clip",
    edges: str = "scharr",
    *,
    mean: Colour,
    std: Colour,
    drawn: tuple[int, int, int] = (0, 1, 2),
) -> Tensor:
    assert edges == "scharr"
    red, green, blue = to_pixels(image, mean, std)[0, list(drawn)]
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    feature = _scharr(grey)
    if input != 1:
        ratio = {2: ratio2, 3: ratio3}[input]
        feature = (ratio * grey + feature) / (ratio + 1)
    found = []
    for target in targets:
        coarse = _BASES[base](network, layer, image, [target])[0]
        if coarse.max() == coarse.min():
            found.append(torch.zeros_like(grey))
            continue
        saliency = stretch(upsample(coarse, grey.shape))
        combined = {
            1: k * feature + saliency,
            2: feature * saliency,
            3: (1 - feature) * saliency,
        }[experiment]
        found.append(combined.clamp(0, 1) if limit == "clip" else stretch(combined))
    return torch.stack(found)


def _scharr(grey: Tensor) -> Tensor:
    kernel = torch.tensor(
        [[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]], dtype=grey.dtype
    )
    padded = pad(grey[None, None], (1, 1, 1, 1), mode="reflect")
    across, down = conv2d(padded, torch.stack([kernel, kernel.T])[:, None])[0]
    size: Tensor = (across**2 + down**2).sqrt()
    return size / size.max() if size.max() > 0 else size
