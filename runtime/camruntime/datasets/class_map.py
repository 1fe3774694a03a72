"""Class maps: which of the network's classes mean one of a data set's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from camruntime._strict_json import parse_json
from camruntime.datasets._found import brief, read_text
from camruntime.errors import DatasetError

ClassMap = Mapping[str, Sequence[int]]
"""A data set's class, by name or by id, to the network's classes that mean it."""


def read_class_map(path: Path, classes: int) -> dict[str, tuple[int, ...]]:
    """Read a class map from JSON: `{"bird": [7, 8, 9], "14": [281]}`.

    Args:
        path: the file.
        classes: how many the network has.

    Raises:
        DatasetError: the file holds something else, or an index is not in `[0, classes)`.
    """
    expected = 'expected {"class": [indices of the network\'s classes], ...}'
    try:
        read = parse_json(read_text(path))
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}; {expected}") from error
    if not isinstance(read, dict):
        raise DatasetError(f"{path} holds a {type(read).__name__}; {expected}")
    for name, indices in read.items():
        if not isinstance(indices, list) or any(type(index) is not int for index in indices):
            came = brief(json.dumps(indices))
            raise DatasetError(f"{path}: class '{brief(name)}' has {came}; {expected}")
    class_map = {name: tuple(indices) for name, indices in read.items()}
    check_class_map(class_map, classes)
    return class_map


def check_class_map(class_map: ClassMap, classes: int) -> None:
    """Whether every index is one of the network's `classes`.

    Raises:
        DatasetError: one is not.
    """
    for name, indices in class_map.items():
        wrong = [index for index in indices if not 0 <= index < classes]
        if wrong:
            raise DatasetError(
                f"the class map gives '{name}' index {wrong[0]}: expected 0 to {classes - 1}, "
                "the network's classes; was it made for another network?"
            )
