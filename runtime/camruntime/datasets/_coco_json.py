"""COCO's JSON, opened with pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from camruntime.datasets._found import read_text
from camruntime.datasets._shapes import Mask
from camruntime.errors import DatasetError, MissingDependencyError


def load_coco(path: Path) -> Any:
    """A `pycocotools.coco.COCO` of the file.

    Raises:
        DatasetError: the file is not COCO's.
        MissingDependencyError: pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise MissingDependencyError(
            "COCO's JSON needs pycocotools: `pip install 'camexport[evaluate]'`"
        ) from error
    try:
        read = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise not_coco(path, str(error)) from error
    parts = ("images", "annotations", "categories")
    if not isinstance(read, dict) or any(not isinstance(read.get(one), list) for one in parts):
        raise not_coco(path, list(read)[:5] if isinstance(read, dict) else type(read).__name__)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            coco = COCO()
            coco.dataset = read
            coco.createIndex()
    except (KeyError, TypeError) as error:
        raise not_coco(path, repr(error)) from error
    return coco


def annotation_mask(coco: Any, mark: Any) -> Mask:
    """An annotation's shape, polygons or a run-length code, in the JSON's pixels `(H, W)`."""
    with warnings.catch_warnings():  # pycocotools 2.0.11 lacks an argument that NumPy 2 wants
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(coco.annToMask(mark), np.bool_)


def not_coco(path: Path, came: object) -> DatasetError:
    """The error for a file that is not COCO's, or not its JSON of objects."""
    return DatasetError(
        f"{path} is not COCO's JSON of objects: expected lists of images, annotations (with "
        f"image_id, category_id and bbox) and categories; got {came}"
    )
