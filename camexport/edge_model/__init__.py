"""HED, the edge model that Feature CAM draws with."""

from camexport.edge_model.build import build_edges

__all__ = [
    "build_edges",
]
