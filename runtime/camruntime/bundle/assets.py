"""Folders that are named by a digest over their files, as ONNX Runtime's model packages have them.

SHA-256 over a line for each file, `DIGEST  NAME`, in the order of the names; so content and names
count, and no other folder has the same name. ONNX Runtime takes such a folder as it is; whether the
digest is right, is checked here alone.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path

from camruntime.errors import BundleError

_COPY = "copy the package again, or write it again with `camexport package`"


def asset_uri(digests: Mapping[str, str]) -> str:
    """What a folder is called, `sha256:...`, by the SHA-256 of its files by name."""
    names = sorted(digests, key=lambda name: name.encode("utf-8", "surrogateescape"))
    text = "".join(f"{digests[name]}  {name}\n" for name in names)
    data = text.encode("utf-8", "surrogateescape")
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def plain_files(folder: Path) -> list[str]:
    """Names of the files in a folder that holds nothing else.

    Raises:
        BundleError: there is no folder, it is a link, or something in it is no file.
    """
    try:
        if folder.is_symlink() or folder.parent.is_symlink():
            raise BundleError(f"{folder} is a link, which leads out of the package: {_COPY}")
        found = {path: path.lstat().st_mode for path in folder.iterdir()}
    except OSError as error:
        raise BundleError(f"{folder} is missing or cannot be read ({error}): {_COPY}") from error
    for path, mode in found.items():
        if not stat.S_ISREG(mode):
            raise BundleError(f"{path} is no file, or a link: {_COPY}")
    return [path.name for path in found]


def require_asset(uri: str, digests: Mapping[str, str], folder: Path) -> None:
    """Raise `BundleError` where the files of `folder` are not those that `uri` was made of."""
    found = asset_uri(digests)
    if found != uri:
        raise BundleError(
            f"{folder} was changed or damaged: its files ({', '.join(digests)}) make {found:.19}… "
            f"where its name says {uri:.19}…; {_COPY}"
        )
