"""Run-length codes, written: by hand, and beside pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.regions import Mask, decode_rle, encode_rle, relative_regions
from region_shapes import shape


def test_codes_by_hand() -> None:
    """By columns: 24 is 16 + 8, that is 'h0'; 8 is '8'; the first run is of pixels outside."""
    mask = np.zeros((4, 8), np.bool_)
    assert encode_rle(mask) == {"size": [4, 8], "counts": "P1"}  # 32 is 16 + 16 again
    mask[:, 6:] = True
    assert encode_rle(mask) == {"size": [4, 8], "counts": "h08"}
    assert encode_rle(np.ones((1, 3), np.bool_)) == {"size": [1, 3], "counts": "03"}
    # Runs of 1, 2, 2, 1; from the fourth on less the last but one, so -1: all 5 bits, '0' + 31.
    assert encode_rle(shape(".#.", "#.#"))["counts"] == "122O"


def _masks() -> list[Mask]:
    random = np.random.default_rng(11)
    masks = [np.zeros((3, 5), np.bool_), np.ones((3, 5), np.bool_), np.ones((1, 1), np.bool_)]
    for _ in range(60):
        height, width = random.integers(1, 90, 2).tolist()
        masks.append(random.random((height, width)) < random.random() ** 3)
    large = np.zeros((3000, 1200), np.bool_)
    large[5:2900, 400:402], large[2000, 1000] = True, True  # runs of millions
    return [*masks, large]


def test_codes_are_those_of_pycocotools() -> None:
    reference = pytest.importorskip("pycocotools.mask")
    for mask in _masks():
        code = encode_rle(mask)
        theirs = reference.encode(np.asfortranarray(mask, np.uint8))
        assert code == {"size": theirs["size"], "counts": theirs["counts"].decode()}
        assert reference.area(code) == mask.sum()


def test_codes_come_back_as_the_mask() -> None:
    for mask in _masks():
        size = (mask.shape[0], mask.shape[1])
        np.testing.assert_array_equal(decode_rle(encode_rle(mask), size), mask)


def test_a_region_is_encoded_where_it_lies() -> None:
    """From its box alone, as if the whole photograph had been asked."""
    values = np.random.default_rng(12).random((50, 64)).astype(np.float32)
    for one in relative_regions(values, 0.75):
        assert one.rle() == encode_rle(one.mask)
