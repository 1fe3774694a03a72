"""Names of YOLO's classes, which its lines give by number."""

from __future__ import annotations

from pathlib import Path

from camruntime.datasets._found import read_text
from camruntime.errors import DatasetError, MissingDependencyError

FILES = ("classes.yaml", "data.yaml", "dataset.yaml")


def read_names(folder: Path) -> dict[str, str]:
    """Class names by id, from one of `FILES` or `classes.txt`; empty without any.

    Raises:
        DatasetError: the file holds no names.
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
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} is YAML, and PyYAML is not installed: `pip install 'camexport[evaluate]'`, "
            "or write the names to classes.txt, one a line"
        ) from error
    try:
        read = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise DatasetError(f"{path} is not YAML: {error}") from error
    names = read.get("names") if isinstance(read, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise DatasetError(
            f"{path}: expected names as a list, [cat, dog], or by id, {{0: cat, 1: dog}}; "
            f"got {type(names).__name__}"
        )
    return {str(key): str(name) for key, name in names.items()}
