"""Edge models that tests put into a folder: any graph, with the JSON that it needs beside it."""

from __future__ import annotations

from pathlib import Path

from camruntime.edge_model import EdgeModel


def write_edge_model(
    folder: Path,
    graph: bytes,
    name: str,
    *,
    file: str = "edges.onnx",
    input: str = "image",  # noqa: A002  # the field's name
    output: str = "edges",
) -> None:
    """A graph that takes RGB pixels in [0, 1] as they are; its digest is not checked."""
    (folder / file).write_bytes(graph)
    EdgeModel(
        schema_version=1,
        name=name,
        file=file,
        input=input,
        output=output,
        colour="RGB",
        scale=1.0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        sha256=None,
    ).write(folder)
