"""Names of YOLO's classes, which its lines give by number."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

from camruntime.datasets._found import brief, read_text
from camruntime.errors import DatasetError, MissingDependencyError

_MOST = 2**20
"""Bytes of a file of names: PyYAML takes up to half a minute; 21,000 names have half of them."""

_DEEPEST = 50
"""Brackets in brackets: PyYAML takes minutes for a thousand."""

FILES = ("classes.yaml", "data.yaml", "dataset.yaml")


def read_names(folder: Path) -> dict[str, str]:
    """Class names by id, from one of `FILES` or `classes.txt`; empty without any.

    Raises:
        DatasetError: the file holds no names, or a part of it is none.
        MissingDependencyError: PyYAML is needed and not installed.
    """
    for name in FILES:
        if (folder / name).is_file():
            return _from_yaml(folder / name)
    listed = folder / "classes.txt"
    lines = read_text(listed).splitlines() if listed.is_file() else []
    return {str(number): line.strip() for number, line in enumerate(lines) if line.strip()}


def class_name(key: str, names: dict[str, str], path: Path) -> str:
    """What class id `key` of file `path` is called; the id itself where there are no names.

    Raises:
        DatasetError: there are names, and none for this id.
    """
    if not names:
        return key
    if key not in names:
        raise DatasetError(
            f"{path} holds class {key}, and the {len(names)} class names know no such id: "
            "add it, or remove the file of names to use ids"
        )
    return names[key]


def _from_yaml(path: Path) -> dict[str, str]:
    """Names from the text's nodes: no values are made of it, so that aliases multiply nothing."""
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} is YAML, and PyYAML is not installed: `pip install 'camexport[evaluate]'`, "
            "or write the names to classes.txt, one a line"
        ) from error
    text = read_text(path, _MOST)
    if _depth(text) > _DEEPEST:
        raise DatasetError(f"{path} is not YAML of class names: nested too deeply")
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two of its escapes
        raise DatasetError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise DatasetError(f"{path} is not YAML of class names: nested too deeply") from error
    pairs = root.value if getattr(root, "id", "") == "mapping" else []
    found = [value for key, value in pairs if key.value == "names"]
    if len(found) > 1:
        raise DatasetError(f"{path} holds names {len(found)} times: expected once")
    return _named(path, found[0] if found else None)


def _depth(text: str) -> int:
    """How many brackets are open at once; those in names count, too."""
    open_ones = accumulate((one in "[{") - (one in "]}") for one in text)
    return max(open_ones, default=0)


def _named(path: Path, names: Any) -> dict[str, str]:
    """Names by id, from the node of a list or a mapping; each a text as it stands there."""
    kind = getattr(names, "id", "NoneType")
    if kind not in ("sequence", "mapping") or not names.value:
        raise DatasetError(
            f"{path}: expected names as a list, [cat, dog], or by id, {{0: cat, 1: dog}}; "
            f"got {kind}"
        )
    if kind == "sequence":
        items = [(str(number), one) for number, one in enumerate(names.value)]
    else:
        if any(key.id != "scalar" for key, _ in names.value):  # of which none is shown: see above
            raise DatasetError(f"{path}: expected ids as the keys of names")
        items = [(key.value, one) for key, one in names.value]
    for key, one in items:
        if one.id != "scalar" or not one.value.strip():
            raise DatasetError(f"{path}: expected a name for id {brief(key)}, got {one.id}")
    found = {key: one.value for key, one in items}
    if len(found) < len(items):
        raise DatasetError(f"{path}: an id has two names")
    return found
