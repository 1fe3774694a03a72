"""The pictures of `--check`: a folder per class, matched with the network's labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camexport.errors import OptionError
from camruntime.datasets import Dataset, open_dataset, read_class_map
from camruntime.errors import DatasetError


def open_pictures(
    folder: Path, labels: Sequence[str] | None, class_map: Path | None = None
) -> Dataset | None:
    """The pictures in `folder`, a folder per class; None where the labels are not known yet.

    Args:
        folder: of folders, each called as a label, one of its synonyms, or the class's index.
        labels: in the order of the logits; None looks for the folder alone.
        class_map: JSON of which classes one of the folder's means, as for `camruntime evaluate`.

    Raises:
        OptionError: there is no such folder, no picture in it, or none of a class that the network
            has; the class map cannot be read.
    """
    if not folder.is_dir():
        raise OptionError(f"--check {folder} is no folder: expected one with a folder per class")
    if labels is None:
        return None
    try:
        meaning = None if class_map is None else read_class_map(class_map, len(labels))
        return open_dataset(folder, labels, "folders", meaning)
    except DatasetError as error:
        raise OptionError(f"--check: {error}; --labels says what they are") from error
