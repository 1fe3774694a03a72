"""The built-in model: its pictures, its network, its training, its weights."""

from camexport.inspector.network import MEAN, STD, WEIGHTS, Inspector
from camexport.inspector.surfaces import LABELS, SIZE

__all__ = ["LABELS", "MEAN", "SIZE", "STD", "WEIGHTS", "Inspector"]
