"""Regions: outlines, sizes and masks, by hand and beside OpenCV and pycocotools."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest

from arrays import f32
from camruntime.errors import CalibrationError, CamError
from camruntime.pictures import connected_parts
from camruntime.regions import Mask, Polygon, Region, outlines, relative_regions
from region_shapes import explained, shape

SHAPES = {
    "one pixel": shape("#"),
    "line": shape("#####"),
    "column": shape("#", "#", "#"),
    "block": shape("###", "###"),
    "corner": shape("#..", "#..", "###"),
    "diagonal": shape("#...", ".#..", "..#.", "...#"),
    "other diagonal": shape("..#", ".#.", "#.."),
    "ring": shape("####", "#..#", "#.##", "####"),
    "ring of corners": shape(".#.", "#.#", ".#."),
    "two holes that touch": shape("####", "#.##", "##.#", "####"),
    "hole that touches the outside": shape("####.", "#..##", "#..#.", "####."),
    "two rings": shape("#####", "#.#.#", "#####"),
}


def _blobs() -> list[Mask]:
    """Connected parts of noise: edges, holes and corners of all kinds."""
    random = np.random.default_rng(7)
    masks = []
    for share in (0.3, 0.45, 0.6, 0.8):
        parts = connected_parts(random.random((40, 31)) < share)
        for row, (left, top, right, bottom) in enumerate(parts.boxes):
            masks.append(parts.marks[top:bottom, left:right] == row + 1)
    return masks


BLOBS = _blobs()


def _filled(polygons: list[Polygon], size: tuple[int, int]) -> Mask:
    """OpenCV's filling, even-odd; at double size no pixel's centre lies on an outline."""
    canvas = np.zeros((2 * size[0] + 1, 2 * size[1] + 1), np.uint8)
    cv2.fillPoly(canvas, [2 * one.astype(np.int32) for one in polygons], (1,))
    return np.asarray(canvas[1::2, 1::2], np.bool_)


def _area(polygon: Polygon) -> float:
    """By the shoelace formula; y points down, so clockwise ones are positive."""
    x, y = polygon.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _around(mask: Mask, part: float = 0.5) -> tuple[Region, ...]:
    return relative_regions(mask.astype(np.float32), part)


def test_outlines_by_hand() -> None:
    (pixel,) = outlines(SHAPES["one pixel"])
    assert pixel.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    (line,) = outlines(SHAPES["line"])
    assert line.tolist() == [[0, 0], [5, 0], [5, 1], [0, 1]]
    (corner,) = outlines(SHAPES["corner"])
    assert corner.tolist() == [[0, 0], [1, 0], [1, 2], [3, 2], [3, 3], [0, 3]]
    (two,) = outlines(shape("#.", ".#"))
    expected = [[0, 0], [1, 0], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1], [0, 1]]
    assert two.tolist() == expected, "by the corner that they share, and back by it"
    outer, hole = outlines(SHAPES["ring of corners"])
    assert len(outer) == 12, "a cross: three corners to each arm"
    assert sorted(hole.tolist()) == [[1, 1], [1, 2], [2, 1], [2, 2]]


@pytest.mark.parametrize(
    ("name", "holes"),
    [("ring", 1), ("two holes that touch", 2), ("two rings", 2),
     ("hole that touches the outside", 1), ("diagonal", 0), ("corner", 0)],
)  # fmt: skip
def test_holes(name: str, holes: int) -> None:
    assert len(outlines(SHAPES[name])) == 1 + holes


@pytest.mark.parametrize("mask", [*SHAPES.values(), *BLOBS[::9]])
def test_outlines_enclose_the_pixels_and_no_others(mask: Mask) -> None:
    outer, *holes = found = outlines(mask)
    np.testing.assert_array_equal(_filled(found, mask.shape), mask)
    assert _area(outer) + sum(map(_area, holes)) == mask.sum()
    assert _area(outer) > 0
    assert all(_area(hole) < 0 for hole in holes)
    assert all(len(one) >= 4 for one in found)
    for one in found:  # horizontal and vertical in turn: no corner too many
        steps = np.roll(one, -1, axis=0) - one
        assert ((steps != 0).sum(axis=1) == 1).all()
        assert ((steps[:, 0] != 0) != (np.roll(steps, 1, axis=0)[:, 0] != 0)).all()


def test_there_are_as_many_holes_as_the_background_has_parts() -> None:
    for mask in BLOBS:
        around = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
        parts, _ = cv2.connectedComponents(around, connectivity=4)
        assert len(outlines(mask)) == parts - 1


@pytest.mark.parametrize("mask", [*SHAPES.values(), *BLOBS[::9]])
def test_pycocotools_draws_a_polygon_as_the_region(mask: Mask) -> None:
    reference = pytest.importorskip("pycocotools.mask")
    outer, *holes = outlines(mask)
    height, width = mask.shape
    with warnings.catch_warnings():  # pycocotools 2.0.11 lacks an argument that NumPy 2 wants
        warnings.simplefilter("ignore", DeprecationWarning)
        drawn = [
            reference.decode(reference.frPyObjects([one.ravel().tolist()], height, width))[..., 0]
            for one in (outer, *holes)
        ]
    np.testing.assert_array_equal((drawn[0] > 0) & ~(np.sum(drawn[1:], axis=0) > 0), mask)


def test_a_region_by_hand() -> None:
    saliency = np.zeros((5, 7), np.float32)
    saliency[1, 1:4], saliency[2, 4] = (0.5, 1, 0.6), 0.9  # touches at a corner
    (found,) = relative_regions(saliency, 0.25)
    assert (found.box, found.area, found.rank, found.p_value) == ((1, 1, 4, 2), 4, 1, None)
    assert found.strongest == 1
    assert found.mean == pytest.approx(3 / 4)
    assert found.polygon[0].tolist() == [1, 1]
    np.testing.assert_array_equal(found.mask, saliency > 0)
    assert found.scale == "relative"


def test_regions_on_all_borders_and_one_inside_another() -> None:
    frame = np.ones((7, 7), np.bool_)
    frame[1:-1, 1:-1] = False
    mask = frame.copy()
    mask[3, 3] = True
    outer, inner = _around(mask)
    assert (outer.box, outer.area, inner.box, inner.area) == ((0, 0, 7, 7), 24, (3, 3, 1, 1), 1)
    np.testing.assert_array_equal(outer.mask, frame)
    assert outer.polygon.tolist() == [[0, 0], [7, 0], [7, 7], [0, 7]]
    (hole,) = outer.holes
    assert sorted(hole.tolist()) == [[1, 1], [1, 6], [6, 1], [6, 6]]
    assert not outer.mask[3, 3]
    assert inner.polygon.tolist() == [[3, 3], [4, 3], [4, 4], [3, 4]]


def test_regions_share_the_marked_pixels_out_between_them() -> None:
    """Whatever the map: each pixel above is in one region's mask, and the strongest comes first."""
    values = np.random.default_rng(8).random((60, 47)).astype(np.float32)
    found = relative_regions(values, 0.7)
    assert len(found) > 20
    np.testing.assert_array_equal(
        np.sum([one.mask for one in found], 0), values > 0.7 * values.max()
    )
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    assert found[0].strongest == 1
    for one in found:
        of = values[one.mask] / values.max()
        assert (one.area, one.strongest) == (of.size, of.max())
        assert one.mean == pytest.approx(of.mean(dtype=np.float64))
    assert sorted((one.strongest for one in found), reverse=True) == [x.strongest for x in found]


def test_length_and_breadth_by_hand() -> None:
    (line,) = _around(shape("....", ".###", "...."))
    assert (line.length, line.breadth) == (3, 1)
    (column,) = _around(SHAPES["column"])
    assert (column.length, column.breadth) == (3, 1)
    (diagonal,) = _around(np.eye(10, dtype=np.bool_))  # its box is 10 x 10
    assert diagonal.length == pytest.approx(10 * np.sqrt(2))
    assert diagonal.breadth == pytest.approx(np.sqrt(2))


def test_length_and_breadth_are_opencvs() -> None:
    for mask in BLOBS:
        (found,) = _around(mask)
        sides = cv2.minAreaRect(found.polygon.astype(np.float32))[1]
        assert found.length * found.breadth == pytest.approx(sides[0] * sides[1], rel=1e-4)
        assert found.length >= found.breadth >= 1 - 1e-9


def test_millimetres_by_hand() -> None:
    (found,) = _around(shape("......", "..##..", "..#...", "......"))
    mm = found.in_mm(0.5)
    assert (mm.x, mm.y, mm.width, mm.height) == (1, 0.5, 1, 1)
    assert (mm.area, mm.length, mm.breadth) == (0.75, found.length / 2, found.breadth / 2)
    expected = [[1, 0.5], [2, 0.5], [2, 1], [1.5, 1], [1.5, 1.5], [1, 1.5]]
    assert mm.polygon.tolist() == expected
    (ring,) = _around(SHAPES["ring"])
    assert [one.tolist() for one in ring.in_mm(2).holes] == [(2 * ring.holes[0]).tolist()]
    assert found.in_mm(np.float32(0.5)).area == 0.75  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, 1e300, 1e-300, "0.05", True, None])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    (found,) = _around(SHAPES["block"])
    with pytest.raises(CamError, match="mm_per_pixel is the side of one of the photograph's pix"):
        found.in_mm(scale)


@pytest.mark.parametrize("part", [-0.1, 1, np.nan, np.inf, "half", None, True])
def test_a_part_that_is_none_is_refused(part: float) -> None:
    with pytest.raises(CamError, match=r"lies in \[0, 1\), got"):
        explained(f32([[0, 1], [0, 0]])).regions_above(part)


def test_an_empty_map_has_no_region() -> None:
    empty = explained(np.zeros((4, 6), np.float32))
    assert empty.no_evidence
    assert [empty.regions_above(part) for part in (0, 0.5, 0.99)] == [(), (), ()]


def test_relative_regions_need_no_calibration_and_evidence_does() -> None:
    made = explained(f32([[0, 0.25, 0], [0.2, 0, 0.5]]))
    with pytest.raises(CalibrationError, match=r"regions_above\(\) are relative"):
        _ = made.regions
    (found,) = made.shown_regions
    assert (found.box, found.strongest, found.p_value) == ((2, 1, 1, 1), 1, None)
    first, second = made.regions_above(0.45)[0], made.regions_above(0)[0]
    assert first.area == 2, "they touch at a corner"
    assert second.area == 3


def test_with_a_calibration_by_hand() -> None:
    """Evidence is `1 + (raw - 18) / 8`; of 20, one alone reaches 26 and 22, and two 19."""
    raw = f32([[26, 22, 0, 0], [0, 0, 0, 18.5], [0, 0, 0, 0]])
    made = explained(f32(raw > 18.1), raw)
    strong, weak = made.shown_regions
    assert made.shown_regions is made.regions
    assert (strong.box, strong.strongest, strong.mean) == ((0, 0, 2, 1), 2, 1.75)
    assert (strong.rank, weak.rank, strong.p_value, weak.p_value) == (1, 2, 1 / 20, 2 / 20)
    assert (weak.box, weak.strongest, weak.scale) == ((3, 1, 1, 1), 1.0625, "calibrated")
    assert [one.p_value for one in made.regions_above()] == [None, None], "relative all the same"
    figures = made.figures()["evidence"]
    assert isinstance(figures, dict)
    assert [one["rank"] for one in figures["regions"]] == [1, 2]
    assert figures["regions"][0]["mean"] == 1.75
    assert "polygon" not in figures["regions"][0]
