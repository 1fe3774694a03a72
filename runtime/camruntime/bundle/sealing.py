"""A digest over the manifest, which lies in it, and what names and digests look like.

It tells damage, as the digests of the other files do; it proves no origin, as whoever changes a
file can change its digest too. That takes a signature.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

SEAL = "manifest_sha256"


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """`document` with the digest of its content as one more field."""
    return {**document, SEAL: _digest(document)}


def unsealed(
    document: Mapping[str, object], advice: str = "copy the bundle again or rebuild it"
) -> dict[str, object]:
    """`document` without its digest; `advice` is what to do where it is of another content.

    Raises:
        ValueError: there is none, or it is of another content.
    """
    content = {key: value for key, value in document.items() if key != SEAL}
    found, expected = _digest(content), document.get(SEAL)
    if found != expected:
        raise ValueError(
            f"it was changed or damaged: the SHA-256 of its content is {found[:12]}…, its field "
            f"{SEAL} says {expected!s:.12}…; {advice}"
        )
    return content


def is_digest(text: str) -> bool:
    """Whether `text` is a SHA-256 in hexadecimal."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def is_plain_name(text: str) -> bool:
    """Whether `text` names a file in whatever folder, on every system, and is no path."""
    return re.fullmatch(r"[\w][\w.+ -]{0,254}", text) is not None


def _digest(content: Mapping[str, object]) -> str:
    """Over JSON with sorted keys and no spaces, in ASCII: independent of how it is laid out."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
