"""Pictures of surfaces with and without a defect, each with the exact mask of the defect.

Three materials (brushed metal, fabric weave, cast grain) under changing light carry one of five
states: good, scratch, crack, stain, hole. Everything is drawn with numpy and OpenCV from one seeded
generator, so a seed names a picture. No torch here: benchmarks draw surfaces without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2

SIZE = 128
LABELS = ("good", "scratch", "crack", "stain", "hole")
SURFACES = ("metal", "fabric", "cast")

_Plane = NDArray[np.float32]
_Mask = NDArray[np.bool_]
_Rng = np.random.Generator


@dataclass(frozen=True)
class Surface:
    """One drawn surface.

    Attributes:
        image: uint8 RGB `(128, 128, 3)`.
        mask: bool `(128, 128)`, the pixels of the defect; all False when good.
        label: index into `LABELS`.
        material: one of `SURFACES`.
    """

    image: NDArray[np.uint8]
    mask: _Mask
    label: int
    material: str


def draw(rng: np.random.Generator, label: int | None = None) -> Surface:
    """Draw one surface; `label` (an index into `LABELS`) is drawn too when it is None."""
    chosen = int(rng.integers(len(LABELS))) if label is None else label
    material = SURFACES[int(rng.integers(len(SURFACES)))]
    plane = _MATERIALS[material](rng) * _light(rng)
    tint = 1 + rng.uniform(-0.06, 0.06, 3)
    image = (plane[..., None] * tint).astype(np.float32)
    mask = np.zeros((SIZE, SIZE), bool)
    if chosen:
        image, mask = _DEFECTS[LABELS[chosen]](rng, image)
    noisy = image + rng.normal(0, 0.008, image.shape)
    pixels = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
    return Surface(pixels, mask, chosen, material)


def draw_many(seed: int, count: int) -> Iterator[Surface]:
    """Draw `count` surfaces, the labels in turn; the same seed gives the same pictures."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        yield draw(rng, index % len(LABELS))


# --- materials: float32 (128, 128), roughly in [0.2, 0.9] ---


def _metal(rng: _Rng) -> _Plane:
    """Long parallel brush strokes at one angle."""
    side = SIZE * 2
    noise = rng.normal(0, 1, (side, side)).astype(np.float32)
    strokes = cv2.GaussianBlur(noise, (0, 0), sigmaX=18, sigmaY=0.6)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(0, 180), 1.0)
    strokes = cv2.warpAffine(strokes, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    centre = strokes[SIZE // 2 : SIZE // 2 + SIZE, SIZE // 2 : SIZE // 2 + SIZE]
    contrast = rng.uniform(0.02, 0.05)
    return np.asarray(rng.uniform(0.5, 0.7) + contrast * centre / centre.std(), np.float32)


def _fabric(rng: _Rng) -> _Plane:
    """Two sets of threads that cross over and under."""
    period = rng.uniform(5, 9)
    angle = rng.uniform(-0.3, 0.3)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period)
    weave = np.where(np.sin(u / 2) * np.sin(v / 2) > 0, np.cos(u), np.cos(v))
    slub = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), 2)
    base = rng.uniform(0.4, 0.6)
    return np.asarray(base + rng.uniform(0.05, 0.09) * weave + 0.12 * slub, np.float32)


def _cast(rng: _Rng) -> _Plane:
    """Grain at several scales, as on cast metal."""
    plane = np.full((SIZE, SIZE), rng.uniform(0.4, 0.6), np.float32)
    for sigma, strength in ((0.8, 0.04), (2.0, 0.03), (6.0, 0.025)):
        grain = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), sigma)
        plane += strength * (grain / grain.std()).astype(np.float32)
    return plane


def _light(rng: _Rng) -> _Plane:
    """A gradient from one side and a fall-off towards the corners."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    gradient = rng.uniform(0, 0.2) * (x * np.cos(angle) + y * np.sin(angle))
    vignette = rng.uniform(0, 0.15) * (x**2 + y**2)
    return np.asarray(rng.uniform(0.85, 1.15) * (1 + gradient - vignette), np.float32)


# --- defects: the image with the defect, and the defect's pixels ---

_Defect = Callable[[_Rng, NDArray[np.float32]], tuple[NDArray[np.float32], _Mask]]


def _paint(
    image: NDArray[np.float32], cover: _Plane, colour: NDArray[np.float64]
) -> NDArray[np.float32]:
    return np.asarray(image * (1 - cover[..., None]) + colour * cover[..., None], np.float32)


def _stroke(points: NDArray[np.float64], width: float) -> _Plane:
    """Anti-aliased polyline through `points` (n, 2) as x, y: coverage in [0, 1]."""
    scale = 4  # drawn four times as large and averaged: OpenCV's own lines have whole widths
    canvas = np.zeros((SIZE * scale, SIZE * scale), np.uint8)
    corners = np.rint((points + 0.5) * scale).astype(np.int32)
    cv2.polylines(canvas, [corners], False, 255, max(1, round(width * scale)), cv2.LINE_AA)
    small = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def _scratch(rng: _Rng, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], _Mask]:
    """One long, nearly straight, bright and thin line."""
    angle = rng.uniform(0, np.pi)
    length = rng.uniform(35, 90)
    along = np.linspace(-0.5, 0.5, 24) * length
    bend = rng.uniform(-0.003, 0.003) * along**2
    centre = rng.uniform(30, SIZE - 30, 2)
    x = centre[0] + along * np.cos(angle) - bend * np.sin(angle)
    y = centre[1] + along * np.sin(angle) + bend * np.cos(angle)
    cover = _stroke(np.stack([x, y], 1), rng.uniform(1.0, 2.2))
    light = image.mean() + rng.uniform(0.22, 0.38)
    return _paint(image, cover * 0.9, np.full(3, light)), cover > 0.25


def _crack(rng: _Rng, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], _Mask]:
    """A dark line that wanders and branches."""
    cover = np.zeros((SIZE, SIZE), np.float32)
    heading = rng.uniform(0, 2 * np.pi)
    trunk = _wander(rng, rng.uniform(35, SIZE - 35, 2), heading, int(rng.integers(9, 16)))
    cover = np.maximum(cover, _stroke(trunk, rng.uniform(1.4, 2.6)))
    for _ in range(int(rng.integers(1, 4))):
        start = trunk[int(rng.integers(2, len(trunk) - 1))]
        side = heading + rng.choice([-1, 1]) * rng.uniform(0.6, 1.2)
        twig = _wander(rng, start, side, int(rng.integers(3, 7)))
        cover = np.maximum(cover, _stroke(twig, rng.uniform(1.0, 1.6)))
    dark = max(0.03, image.mean() - rng.uniform(0.3, 0.45))
    return _paint(image, cover * 0.95, np.full(3, dark)), cover > 0.25


def _wander(
    rng: _Rng, start: NDArray[np.float64], heading: float, steps: int
) -> NDArray[np.float64]:
    turns = heading + np.cumsum(rng.normal(0, 0.45, steps)) * 0.6 + rng.normal(0, 0.35, steps)
    moves = np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(3, 7, (steps, 1))
    return np.concatenate([start[None], start + np.cumsum(moves, 0)])


def _stain(rng: _Rng, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], _Mask]:
    """A soft, irregular patch that tints the surface and lets its texture through."""
    centre = rng.uniform(28, SIZE - 28, 2)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    angle = np.arctan2(y - centre[1], x - centre[0])
    radius = np.full((SIZE, SIZE), rng.uniform(11, 22))
    for wave in (2, 3, 5):
        radius += rng.uniform(0.5, 2.2) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    inside = radius - np.hypot(x - centre[0], y - centre[1])
    cover = np.asarray(1 / (1 + np.exp(-inside / rng.uniform(0.8, 2.0))), np.float32)
    tint = 1 - rng.uniform(0.25, 0.5) * np.array([rng.uniform(0.5, 0.9), 0.9, 1.1])
    changed = image * (1 - cover[..., None]) + image * tint * cover[..., None]
    return np.asarray(changed, np.float32), cover > 0.5


def _hole(rng: _Rng, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], _Mask]:
    """A black ellipse with a bright rim."""
    centre = rng.uniform(18, SIZE - 18, 2)
    radius = rng.uniform(4, 11)
    squeeze = rng.uniform(0.8, 1.25)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    distance = np.hypot((x - centre[0]) * squeeze, (y - centre[1]) / squeeze)
    pit = np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)
    rim = np.exp(-(((distance - radius - 0.8) / 0.9) ** 2)).astype(np.float32)
    lit = np.asarray(image + 0.16 * rim[..., None], np.float32)
    return _paint(lit, pit, np.full(3, rng.uniform(0.03, 0.1))), distance < radius + 1.5


_MATERIALS: dict[str, Callable[[_Rng], _Plane]] = {
    "metal": _metal,
    "fabric": _fabric,
    "cast": _cast,
}
_DEFECTS: dict[str, _Defect] = {
    "scratch": _scratch,
    "crack": _crack,
    "stain": _stain,
    "hole": _hole,
}
