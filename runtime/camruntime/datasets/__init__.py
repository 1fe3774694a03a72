"""Data sets for evaluation: pictures, classes, and where these are.

Five layouts are read: a folder per class, a CSV list, YOLO's boxes or polygons, pictures with
masks, and COCO's JSON. `open_dataset` finds out which one a path holds.
"""

from camruntime.datasets._found import is_called_picture, is_picture
from camruntime.datasets._sample import Dataset, GroundTruth, Sample
from camruntime.datasets._spread import evenly_spread
from camruntime.datasets.class_map import read_class_map
from camruntime.datasets.opening import looks_like, open_dataset

__all__ = [
    "Dataset",
    "GroundTruth",
    "Sample",
    "evenly_spread",
    "is_called_picture",
    "is_picture",
    "looks_like",
    "open_dataset",
    "read_class_map",
]
