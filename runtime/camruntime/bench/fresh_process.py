"""How long a fresh process takes to its first map: what a restart costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from camruntime.errors import CamError

if TYPE_CHECKING:
    from camruntime.engine import Provider

# Only what it times, so that it pays for no more than a user's script would.
_CODE = """
import json, sys, time
begin = time.perf_counter()
import camruntime
imported = time.perf_counter()
bundle, image, method, providers, options = json.loads(sys.argv[1])
if providers is not None:
    providers = [tuple(one) if isinstance(one, list) else one for one in providers]
explainer = camruntime.load(bundle, providers, **options)
loaded = time.perf_counter()
explainer.explain(image, method)
explained, now = time.perf_counter(), time.time()
print(json.dumps([imported - begin, loaded - imported, explained - loaded, now]))
"""


@dataclass(frozen=True)
class FirstMap:
    """Seconds, in a process of its own, with the files in the system's cache.

    Attributes:
        imported: `import camruntime`, which leaves ONNX Runtime for later.
        loaded: `load`: ONNX Runtime, the bundle's digests, the provider.
        explained: the first explanation, which opens the sessions.
        whole: from the start of the process, Python's own included.
    """

    imported: float
    loaded: float
    explained: float
    whole: float


def first_map(
    bundle: Path,
    image: Path,
    method: str,
    providers: Sequence[Provider] | None = None,
    options: Mapping[str, object] | None = None,
) -> FirstMap:
    """Explain `image` in a fresh process.

    Args:
        bundle: its folder.
        image: a photograph.
        method: its spec.
        providers: as of `load`.
        options: other arguments of `load`, by name.

    Raises:
        CamError: that process failed; the message has its last words.
    """
    asked = [str(bundle), str(image), method, providers, dict(options or {})]
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(asked)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise CamError(f"a fresh process could not explain {image}: {words[-1]}")
    imported, loaded, explained, ended = json.loads(done.stdout.splitlines()[-1])
    return FirstMap(imported, loaded, explained, ended - started)
