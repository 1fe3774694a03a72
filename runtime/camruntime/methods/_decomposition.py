"""Orthogonal features of a stack of maps, by a decomposition whose signs follow a written rule.

Only the cells' side of `S = U Sigma V^T` is needed, so the small matrix `S^T S` (cells by cells) is
decomposed, in float64, and never the channels' side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.maps import FloatArray

_RANK = 1e-6  # singular values below this part of the largest are rounding
_TIE = 1e-6  # cosines below this leave the sign to the largest entry


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The strongest features, descending.

    Attributes:
        maps: float32 `(p, h, w)`: `Sigma_i V_i^T`, pairwise orthogonal.
        singular_values: float32 `(p,)`, the maps' norms.
        explained_variance: float32 `(p,)`: squares of the singular values over the sum of all.
    """

    maps: FloatArray
    singular_values: FloatArray
    explained_variance: FloatArray


def by_class_map(stack: FloatArray, count: int, centred: bool = False) -> Decomposition:
    """Features of `(C, h, w)`, each with the sign in which it correlates with `sum_k S_k`.

    Where the correlation is zero (below 1e-6), the entry of the largest magnitude is positive.
    With `centred` channels lose their means before.
    """
    flat = _flat(stack, centred)
    features, values, shares = _features(flat, count)
    signs = _signs(features, _centred(features), _centred(flat.sum(0, keepdims=True)))
    return _decomposition(features * signs[:, None], values, shares, stack)


def by_mean(stack: FloatArray, count: int) -> Decomposition:
    """Features of `(C, h, w)`, each with the sign in which its mean over the cells is positive.

    Where the mean is zero (below 1e-6 of the root of the mean square), the entry of the largest
    magnitude is positive.
    """
    features, values, shares = _features(_flat(stack), count)
    signs = _signs(features, features, np.ones((1, features.shape[1])))
    return _decomposition(features * signs[:, None], values, shares, stack)


def by_largest_cell(stack: FloatArray, count: int) -> Decomposition:
    """Principal components over the cells of `(C, h, w)`, channels centred.

    The entry of the largest magnitude is positive.
    """
    features, values, shares = _features(_flat(stack, centred=True), count)
    return _decomposition(features * _largest(features)[:, None], values, shares, stack)


def _flat(stack: FloatArray, centred: bool = False) -> NDArray[np.float64]:
    """`(C, cells)`."""
    flat = stack.reshape(len(stack), -1).astype(np.float64)
    return _centred(flat) if centred else flat


def _centred(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = rows - rows.mean(1, keepdims=True)
    return centred


def _signs(
    features: NDArray[np.float64], seen: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Signs `(p,)` in which `seen` `(p, cells)` point the way of `wanted` `(1, cells)`."""
    norms = np.linalg.norm(seen, axis=1) * np.linalg.norm(wanted)
    cosines = seen @ wanted[0] / np.where(norms > 0, norms, 1)
    return np.where(np.abs(cosines) < _TIE, _largest(features), np.sign(cosines))


def _features(
    flat: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """`Sigma V^T` `(p, cells)`, `Sigma` `(p,)`, and their shares of the variance."""
    squares, vectors = np.linalg.eigh(flat.T @ flat)  # ascending
    squares = np.maximum(squares[::-1], 0)
    values = np.sqrt(squares)
    kept = int(min(count, (values > _RANK * values[0]).sum()))
    features = values[:kept, None] * vectors[:, ::-1].T[:kept]
    return features, values[:kept], squares[:kept] / max(squares.sum(), np.finfo(float).tiny)


def _largest(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sign of each row's entry of the largest magnitude."""
    at = np.abs(features).argmax(1)
    return np.where(features[np.arange(len(features)), at] < 0, -1.0, 1.0)


def _decomposition(
    features: NDArray[np.float64],
    values: NDArray[np.float64],
    shares: NDArray[np.float64],
    stack: FloatArray,
) -> Decomposition:
    maps = features.reshape(-1, *stack.shape[1:])
    return Decomposition(*(each.astype(np.float32) for each in (maps, values, shares)))
