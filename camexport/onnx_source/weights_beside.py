"""Weights that an ONNX file keeps in other files: read from its own folder, and from nowhere else.

By ourselves: what such a file may name was mended in the package onnx in 2022, 2024, 2025 and 2026,
so its version would decide what is read. Refused are absolute paths and `..`, links, also hard ones
and those of folders, what is no file, and places that are not in it.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

import onnx

from camexport.errors import UnsupportedError

_LARGEST = 2**31  # bytes in all: beyond that ONNX has no file of one piece, which is compared
_BYTES = {
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), 1),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), 2),
    **dict.fromkeys(("FLOAT", "INT32", "UINT32"), 4),
    **dict.fromkeys(("DOUBLE", "INT64", "UINT64"), 8),
}
_NUMBER = re.compile(r"[0-9]{1,18}")


def load_weights(tensors: Iterable[onnx.TensorProto], path: Path) -> None:
    """Put into `tensors`, of the file at `path`, what other files hold of them.

    Raises:
        UnsupportedError: such a file is missing or too short, is not plainly beside `path`, or
            does not hold what the tensor's shape says.
    """
    total = 0
    for tensor in tensors:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        said = {entry.key: entry.value for entry in tensor.external_data}
        location = said.get("location", "")
        try:
            file = _open(path.resolve().parent, path.parent, location)
            with os.fdopen(file, "rb") as opened:
                size = os.fstat(file).st_size
                offset, length = _place(said, size)
                total += length
                _require_shape(tensor, length, total)
                opened.seek(offset)
                data = opened.read(length)
        except OSError as error:
            raise UnsupportedError(
                f"{path.name} keeps its weights in {location!r:.200}, which cannot be read "
                f"({error.strerror or error})"
            ) from error
        except ValueError as error:
            raise UnsupportedError(
                f"{path.name} keeps the weights '{tensor.name:.100}' in {location!r:.200}, {error}"
            ) from error
        tensor.raw_data = data
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _open(folder: Path, shown: Path, location: str) -> int:
    """A descriptor of the regular file at `location` in `folder`."""
    parts = location.split("/")
    if not location or {"", ".", ".."} & {*parts} or re.search(r"[\\:\0]", location):
        raise ValueError("which is not the path of a file below its own folder: export it again")
    file = folder.joinpath(*parts)
    if not file.exists() and not file.is_symlink():
        raise ValueError(f"which is not beside it: copy it into {shown}")
    if file.resolve() != file:
        raise ValueError("which is a link, or in a folder that is one: copy the file itself there")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    opened = os.open(file, flags | getattr(os, "O_BINARY", 0))
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(opened)
        kind = "has several names (hard links)" if stat.S_ISREG(found.st_mode) else "is no file"
        raise ValueError(f"which {kind}: copy the file itself there")
    return opened


def _place(said: dict[str, str], size: int) -> tuple[int, int]:
    """Offset and length in a file of `size` bytes."""
    numbers = [said.get("offset") or "0", said.get("length") or ""]
    for text in numbers:
        if text and not _NUMBER.fullmatch(text):
            raise ValueError(f"at an offset or with a length of {text!r:.40}, expected bytes")
    offset = int(numbers[0])
    length = int(numbers[1]) if numbers[1] else size - offset
    if length < 0 or offset + length > size:
        raise ValueError(
            f"which needs at least {offset + max(length, 0)} bytes and has {size}: copy or fetch "
            "it again"
        )
    return offset, length


def _require_shape(tensor: onnx.TensorProto, length: int, total: int) -> None:
    size = _BYTES.get(onnx.TensorProto.DataType.Name(tensor.data_type))
    if size is None:
        raise ValueError(f"as type {tensor.data_type}, expected one of {', '.join(_BYTES)}")
    if min(tensor.dims, default=0) < 0 or length != math.prod(tensor.dims) * size:
        raise ValueError(f"of which {length} bytes are not those of {[*tensor.dims]}, {size} each")
    if total > _LARGEST:
        raise ValueError(f"and with them has more than {_LARGEST >> 30} GiB of weights")
