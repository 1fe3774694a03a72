"""The one door to OpenCV, and what to install where it cannot be imported.

`opencv-python` also opens windows, so it needs libraries of a graphical system, which no slim
container has. `opencv-python-headless` is the same without windows. Both install the folder `cv2`:
where both are, removing one of them takes files of the other.
"""

from __future__ import annotations

import re

from camruntime._text import last_line
from camruntime.errors import MissingDependencyError

__all__ = ["cv2"]

_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_GRAPHICAL = re.compile(r"lib(GL|EGL|OpenGL|gthread|glib|xcb|X|SM|ICE)\S*\.so")
_LIBRARIES = "`apt-get install libgl1 libglib2.0-0`"


def _remedy(error: Exception | None) -> str:
    """What is wrong, and what to do, in a line.

    Args:
        error: of the import; None where it went well, and what was imported is empty.
    """
    there = [name for name in _PACKAGES if _is_installed(name)]
    # Not removed first, pip takes what it knows of for complete, or leaves two in one folder.
    first = f"pip uninstall -y {' '.join(there)} && " if there else ""
    words = last_line(error) if error else ""
    if _GRAPHICAL.match(words):
        return (
            f"OpenCV did not load ({words}): {_LIBRARIES}, or take OpenCV without windows in its "
            f"place: `{first}pip install opencv-python-headless`"
        )
    if there or not isinstance(error, ModuleNotFoundError):
        return (
            f"OpenCV did not load ({words or 'its folder cv2 is empty'}): where files of it are "
            "missing, as after one of two packages of it was removed, install it anew: "
            f"`{first}pip install opencv-python`, or opencv-python-headless where there is no libGL"
        )
    return (
        "OpenCV is not installed: `pip install opencv-python`, or `pip install "
        "opencv-python-headless` where there is no libGL"
    )


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution  # takes 10 ms

    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


try:
    import cv2
except (ImportError, AttributeError) as error:  # the latter of two versions in one folder
    raise MissingDependencyError(_remedy(error)) from error
if not hasattr(cv2, "imdecode"):
    raise MissingDependencyError(_remedy(None))
