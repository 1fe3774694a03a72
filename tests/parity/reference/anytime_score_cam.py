"""Anytime Score-CAM with every score at hand and the Gaussian process in its plain form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference._hooks import activations_of, score_in_batches
from reference.score_cam import _paper

ROUND, LENGTH, NOISE = 8, 0.75, 1e-3


def reference(
    network: nn.Module,
    layer: str,
    image: Tensor,
    targets: list[int],
    share: float,
    tolerance: float,
    milliseconds: float,
    certificate: float,
    seed: int,
) -> Tensor:
    assert (tolerance, milliseconds, certificate) == (0, float("inf"), 0)
    maps = activations_of(network, layer, image)[0]
    size = image.shape[2:]
    logits = score_in_batches(network, [image * _paper(one[None, None], size) for one in maps])
    live = [k for k, one in enumerate(maps) if one.max() > one.min()]
    flat = [k for k in range(len(maps)) if k not in live]
    groups = [[k] for k in live] + ([flat] if flat else [])
    small = torch.stack([_small(maps[group[0]], size) for group in groups]).double()
    norms = torch.stack([maps[group].sum(0).double().norm() for group in groups])
    through = torch.einsum("khw,hw->k", small, maps.double().norm(dim=0))
    through = (through - through.mean()) / through.std(unbiased=False)
    scores = logits[[group[0] for group in groups]][:, targets].double()
    seen: list[int] = []
    while len(seen) < min(len(groups), max(ROUND, round(share * len(groups)))):
        expected, deviation = _guess(small, through, seen, scores)
        promise = (
            norms.log()[:, None]
            + (
                (expected + deviation).exp() - expected.exp() + 1e-12 * (expected + deviation).exp()
            ).log()
        )
        promise = (promise - promise.max(0).values).max(1).values if seen else norms
        order = [k for k in promise.argsort(descending=True).tolist() if k not in seen]
        room = max(ROUND, round(share * len(groups))) - len(seen)
        seen += order[: min(ROUND, room)]
    guessed, _ = _guess(small, through, seen, scores)
    whole = torch.empty(len(maps), len(targets), dtype=torch.float64)
    for group, score in zip(groups, guessed, strict=True):
        whole[group] = score
    weights = whole.softmax(0).T
    return torch.einsum("tk,khw->thw", weights, maps.double()).relu().float()


def _small(one: Tensor, size: torch.Size) -> Tensor:
    """The mask before it is upsampled."""
    upsampled = torch.nn.functional.interpolate(
        one[None, None], size, mode="bilinear", align_corners=False
    )
    low, high = upsampled.min(), upsampled.max()
    return (one - low) / (high - low) if high > low else torch.zeros_like(one)


def _guess(
    masks: Tensor, through: Tensor, seen: list[int], scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of a Gaussian process: one dense inverse, one row left out at a time."""
    if not seen:
        return torch.zeros_like(scores), torch.ones_like(scores)
    flat = masks.flatten(1)
    squares = ((flat[:, None] - flat[None]) ** 2).mean(2)
    r = (3 * squares).sqrt() / LENGTH
    kernel = (1 + r) * torch.exp(-r) + torch.outer(through, through)
    inside = kernel[seen][:, seen] + NOISE * torch.eye(len(seen))
    expected, rest, inverse = _mean(inside, kernel[:, seen], scores[seen])
    squares_missed = []
    for k in range(len(seen)):
        error = (inverse @ rest)[k] / inverse[k, k]  # of the k-th score, guessed from the others
        squares_missed.append(error**2 * inverse[k, k])  # in units of that guess's variance
    scale = torch.stack(squares_missed).mean(0).sqrt()
    unit = (
        kernel.diagonal() - torch.einsum("ij,jk,ik->i", kernel[:, seen], inverse, kernel[:, seen])
    ).clamp(0)
    deviation = unit.sqrt()[:, None] * scale
    expected[seen], deviation[seen] = scores[seen], 0
    return expected, deviation


def _mean(inside: Tensor, across: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    inverse = torch.linalg.inv(inside)
    mean = (inverse @ scores).sum(0) / inverse.sum()
    rest = scores - mean
    return mean + across @ inverse @ rest, rest, inverse
