"""Execute examples/train_and_deploy.ipynb, and keep what it showed.

    python benchmarks/run_notebook.py --pictures FOLDER [--good LABEL]

The notebook is written again with its outputs, and with a digest of the code that they are of.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = EXAMPLES / "train_and_deploy.ipynb"
OUTPUTS_OF = "outputs_of"
_SECONDS = 600  # a cell's at most


class _ThisPython(KernelSpecManager):
    """One kernel whatever the machine knows: the Python that asks."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Of any name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def read() -> NotebookNode:
    """The notebook as it is committed."""
    found: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return found


def executed(work: Path, settings: Mapping[str, str]) -> NotebookNode:
    """The notebook, executed in an empty folder, which gets `build/train_and_deploy`.

    Args:
        work: the folder.
        settings: environment variables that the notebook reads.

    Raises:
        CellExecutionError: a cell failed, of nbclient.
    """
    notebook = read()
    path = os.pathsep.join(filter(None, [str(EXAMPLES), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as short:  # names of sockets have 100 characters at most
        own = {"IPYTHONDIR": short, "PYTHONPATH": path}  # nobody's own settings
        own["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm's, without ipywidgets
        client = NotebookClient(
            notebook,
            timeout=_SECONDS,
            km=AsyncKernelManager(
                kernel_spec_manager=_ThisPython(),
                transport="ipc",
                connection_file=str(Path(short) / "kernel.json"),
            ),
            resources={"metadata": {"path": str(work)}},
            record_timing=False,
            coalesce_streams=True,
        )
        client.owns_km = True  # and ends it
        client.execute(env={**_surroundings(), **own, **settings})
    return notebook


def _surroundings() -> dict[str, str]:
    """The environment, without settings of the notebook that somebody left there."""
    return {name: one for name, one in os.environ.items() if not name.startswith("CAMEXPORT_")}


def digest(notebook: NotebookNode) -> str:
    """SHA-256 of its code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def keep(notebook: NotebookNode) -> None:
    """Write it with its outputs, and nothing of the machine that they come from."""
    notebook.metadata.clear()
    notebook.metadata |= {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        OUTPUTS_OF: digest(notebook),
    }
    for cell in notebook.cells:
        cell.metadata.clear()
    text = nbformat.writes(notebook, indent=1)  # type: ignore[no-untyped-call]
    NOTEBOOK.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Execute it on real pictures, in a folder that is taken away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="a folder per class")
    parser.add_argument("--good", default="Free", help="the folder of good parts")
    given = parser.parse_args()
    if not given.pictures.is_dir():
        parser.error(f"expected a folder per class in {given.pictures}, there is no such folder")
    with tempfile.TemporaryDirectory() as work:
        # Outputs name a folder beside the notebook, as its reader would have it.
        (Path(work) / "magnetic_tile").symlink_to(given.pictures.resolve())
        found = executed(Path(work), {"CAMEXPORT_GOOD": given.good})
    keep(found)


if __name__ == "__main__":
    main()
