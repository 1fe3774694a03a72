"""How long a fresh process takes to its first map: what a restart costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from camruntime.errors import CamError
from camruntime.pictures import MEGAPIXELS

if TYPE_CHECKING:
    from camruntime.engine import Provider

# Only what it times, so that it pays for no more than a user's script would.
_CODE = """
import json, sys, time
begin = time.perf_counter()
import camruntime
imported = time.perf_counter()
bundle, image, method, providers, *limits = json.loads(sys.argv[1])
threads, chunk, most = limits
if providers is not None:
    providers = [tuple(one) if isinstance(one, list) else one for one in providers]
explainer = camruntime.load(
    bundle, providers, threads=threads, chunk=chunk, max_megapixels=most
)
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
    threads: int | None = None,
    chunk: int | None = None,
    max_megapixels: float = MEGAPIXELS,
) -> FirstMap:
    """Explain `image` in a fresh process; the arguments are those of `load` and `explain`.

    Raises:
        CamError: that process failed; the message has its last words.
    """
    asked = [str(bundle), str(image), method, providers, threads, chunk, max_megapixels]
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
