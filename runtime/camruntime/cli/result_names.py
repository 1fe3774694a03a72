"""What results are called: no picture's files in the place of another's."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from camruntime._strict_json import parse_json
from camruntime.methods import Method, spec_of

_LONGEST = 120  # bytes of a picture's name, and of a method's: a file system takes 255 for all


def method_slugs(methods: Sequence[Method]) -> list[str]:
    """For each method, its spec as a part of a file's name; two specs never share one."""
    specs = [spec_of(method) for method in methods]
    slugs = [re.sub(r"[^\w.+-]+", "_", spec) for spec in specs]
    alike = Counter(_folded(slug) for spec, slug in set(zip(specs, slugs, strict=True)))
    return [
        slug if alike[_folded(slug)] == 1 and _fits(slug) else _with_digest(slug, spec)
        for spec, slug in zip(specs, slugs, strict=True)
    ]


def picture_names(images: Sequence[Path], out: Path, slugs: Sequence[str]) -> list[str]:
    """For each picture, what its files in `out` begin with.

    That is the name of its file without the ending. Where another picture of the list is called so,
    or one of which results are there, the folder comes before it and a digest of the path behind:
    the same picture is then called the same in every run.
    """
    paths = [absolute(image) for image in images]
    alike = Counter(_folded(Path(path).stem) for path in set(paths))
    return [_name(path, alike[_folded(Path(path).stem)] > 1, out, slugs) for path in paths]


def absolute(image: Path) -> str:
    """Its path from the root, without `..`; links are left as they are."""
    return os.path.abspath(image)  # noqa: PTH100  # `Path.resolve` fails where links go in circles


def _name(path: str, shared: bool, out: Path, slugs: Sequence[str]) -> str:
    stem = Path(path).stem
    if not shared and _fits(stem) and not any(_taken(out, stem, slug, path) for slug in slugs):
        return stem
    return _with_digest(f"{Path(path).parent.name}-{stem}".lstrip("-"), path)


def _taken(out: Path, stem: str, slug: str, path: str) -> bool:
    """Whether there are figures of another picture under this name, or nobody knows of which."""
    figures = out / f"{stem}.{slug}.json"
    try:
        read = parse_json(figures.read_text("utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return not isinstance(read, dict) or read.get("image") != path


def _with_digest(name: str, of: str) -> str:
    digest = hashlib.sha256(os.fsencode(of)).hexdigest()[:8]
    short = name.encode("utf-8", "surrogateescape")[: _LONGEST - 9].decode("utf-8", "ignore")
    return f"{short}-{digest}"


def _fits(name: str) -> bool:
    return len(os.fsencode(name)) <= _LONGEST


def _folded(name: str) -> str:
    """Equal for names that some file system takes for the same."""
    return unicodedata.normalize("NFC", name).casefold()
