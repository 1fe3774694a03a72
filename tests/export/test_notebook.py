"""The notebook of the examples, executed: what it says is what happened."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
import torch
from nbformat import NotebookNode
from numpy.typing import NDArray
from run_notebook import NOTEBOOK, OUTPUTS_OF, digest, executed, read

from camruntime.bundle import open_bundle
from small_network import make
from train_small import normalise

DATA = Path(os.environ.get("CAMEXPORT_DATA", Path(__file__).parents[2] / "../shared/data"))
TILES = DATA / "magnetic_tile"
BYTES = 1_000_000  # of the file: a page of a repository shows it
ALPHA = 0.1
NEAR = 1e-3  # logits: of good parts that show nothing at all, many are that near to each other


@dataclass(frozen=True)
class Run:
    """An executed notebook.

    Attributes:
        notebook: with its outputs.
        out: what it wrote.
        size: of the network's input.
        good: label of good parts.
    """

    notebook: NotebookNode
    out: Path
    size: int
    good: str

    def printed(self, cell_id: str) -> str:
        """What a cell wrote to its standard output."""
        (cell,) = (one for one in self.notebook.cells if one.id == cell_id)
        return "".join(one.text for one in cell.outputs if one.get("name") == "stdout")

    def summary(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.printed("summary"))
        return found

    def lines(self) -> dict[str, dict[str, object]]:
        """What the line said of each part."""
        text = (self.out / "line.jsonl").read_text(encoding="utf-8")
        return {row["part"]: row for row in map(json.loads, text.splitlines())}


def _run(work: Path, good: str, size: int, settings: Mapping[str, str]) -> Run:
    given = {"CAMEXPORT_SIZE": str(size), "CAMEXPORT_GOOD": good, **settings}
    return Run(executed(work, given), work / "build" / "train_and_deploy", size, good)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of surfaces, as where nobody has pictures."""
    work = tmp_path_factory.mktemp("notebook")
    nowhere = {"CAMEXPORT_PICTURES": "nowhere", "CAMEXPORT_EPOCHS": "12"}
    return _run(work, "good", 64, nowhere)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """As it is committed."""
    work = tmp_path_factory.mktemp("notebook")
    return _run(work, "Free", 96, {"CAMEXPORT_PICTURES": str(TILES.resolve())})


def test_without_pictures_it_says_so_and_draws_them(drawn: Run) -> None:
    assert "There is no folder nowhere, so all" in drawn.printed("draw")
    assert "120 good" in drawn.printed("read")
    _says_what_happened(drawn)
    assert drawn.summary()["good"] == 30
    assert drawn.summary()["calibrated_on"] == 30


def test_every_cell_ran_once_in_order_and_none_warned(drawn: Run) -> None:
    _is_clean(drawn.notebook)


def test_evidence_finds_defects_and_few_good_parts(drawn: Run) -> None:
    """Of 30 good parts hardly more than promised: more than `most` come once in 100,000 lines."""
    most = _surely_no_more(calibrated_on=30, new=30)
    assert most < 20  # else it would say nothing
    assert _number(drawn, "good_with_colour") <= most
    assert _number(drawn, "defects_with_colour") >= 0.4 * _number(drawn, "defects")


def test_no_picture_is_in_two_parts(drawn: Run) -> None:
    seen = (drawn.out / "seen.txt").read_text(encoding="utf-8").split()
    trained = {name.replace("/", "-") for name in seen}
    good, parts = (
        {one.name for one in (drawn.out / name).iterdir()} for name in ("good_parts", "parts")
    )
    assert not trained & good
    assert not trained & parts
    assert not good & parts
    counted = re.findall(r"(\d+) good, +(\d+) defects", drawn.printed("split"))
    assert sum(int(number) for row in counted for number in row) == 240
    assert [len(trained), len(parts)] == [sum(map(int, counted[row])) for row in (0, 2)]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not TILES.is_dir(), reason=f"no data at {TILES}: set CAMEXPORT_DATA")
def test_on_magnetic_tiles(tiles: Run) -> None:
    _says_what_happened(tiles)
    _is_clean(tiles.notebook)
    assert tiles.summary()["calibrated_on"] == 10  # objects, of 15 pictures
    assert _number(tiles, "good_with_colour") <= _surely_no_more(10, _number(tiles, "good"))
    code = [one for one in read().cells if one.cell_type == "code"]
    again = [one for one in tiles.notebook.cells if one.cell_type == "code"]
    for name in ("read", "split"):  # what no training decides is as it is committed
        kept, found = (next(one for one in some if one.id == name) for some in (code, again))
        assert kept.outputs == found.outputs


def _says_what_happened(run: Run) -> None:
    """Held against PyTorch and numpy, from the files that it left."""
    summary, lines = run.summary(), run.lines()
    bundle = open_bundle(run.out / "bundle")
    assert summary["bundle"] == bundle.manifest.digest
    assert bundle.manifest.labels[0] == run.good
    strongest = np.sort([*_strongest(run, run.out / "good_parts").values()])
    rank = math.ceil((len(strongest) + 1) * (1 - ALPHA))
    assert summary["calibrated_on"] == len(strongest)
    threshold = strongest[rank - 1]
    assert summary["threshold"] == pytest.approx(threshold, abs=NEAR)

    parts = _strongest(run, run.out / "parts")
    assert lines.keys() == parts.keys()
    beyond = {name for name in lines if lines[name]["verdict"] == "not good"}
    assert {name for name in lines if lines[name]["regions"]} == beyond
    for name, value in parts.items():
        assert name in beyond or value < threshold + NEAR
        assert name not in beyond or value > threshold - NEAR
        least, most = (1 + (strongest >= value + off).sum() for off in (NEAR, -NEAR))
        said = lines[name]["p"]
        assert isinstance(said, float)
        assert least - 0.01 < said * (len(strongest) + 1) < most + 0.01
    saved = {one.stem for one in (run.out / "overlays").glob("*.png")}
    assert saved == beyond  # `part.bmp.png`
    assert summary["overlays"] == len(saved)
    good = {name for name in parts if name.startswith(f"{run.good}-")}
    assert (summary["good"], summary["defects"]) == (len(good), len(parts) - len(good))
    assert summary["good_with_colour"] == len(beyond & good)
    assert summary["defects_with_colour"] == len(beyond - good)
    assert summary["torch in sys.modules"] is False


def _strongest(run: Run, folder: Path) -> dict[str, float]:
    """Of each photograph: Recipro-CAM's logits of `not good`, in PyTorch and in closed form.

    Where the tail sees one cell of n alone, the others are zero, and their logits the bias: of a
    class, log((exp(cell) + (n - 1) exp(bias)) / n). The good class's is 0.
    """
    state = torch.load(run.out / "weights.pth")
    network = make(len(state["cells.bias"]) + 1, local=8)
    network.load_state_dict(state)
    network.eval()
    files = sorted(folder.iterdir())
    pixels = np.stack([_squashed(file, run.size) for file in files])
    with torch.inference_mode():
        cells = network.cells(network.features(normalise(torch.from_numpy(pixels)))).flatten(2)
    count, bias = cells.shape[2], state["cells.bias"][:, None]
    alone = torch.logaddexp(cells, bias + math.log(count - 1)) - math.log(count)
    strongest = alone.logsumexp(1).amax(1)
    return {file.name: value for file, value in zip(files, strongest.tolist(), strict=True)}


def _squashed(file: Path, size: int) -> NDArray[np.uint8]:
    read = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    assert read is not None
    assert max(read.shape) > size
    squashed = cv2.resize(read, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(squashed, np.uint8)


def _surely_no_more(calibrated_on: int, new: int) -> int:
    """Good parts with colour that are passed with probability below 1e-5.

    The k-th smallest of n is the threshold: of so many new ones, a beta-binomial number with n - k
    + 1 and k lies above it.
    """
    rank = math.ceil((calibrated_on + 1) * (1 - ALPHA))
    above, below = calibrated_on - rank + 1, rank

    def chance(hits: int) -> float:
        beta = math.lgamma(hits + above) + math.lgamma(new - hits + below)
        beta += math.lgamma(above + below) - math.lgamma(above) - math.lgamma(below)
        return math.comb(new, hits) * math.exp(beta - math.lgamma(new + above + below))

    assert sum(map(chance, range(new + 1))) == pytest.approx(1)
    return next(
        most for most in range(new + 1) if sum(map(chance, range(most + 1, new + 1))) < 1e-5
    )


def _number(run: Run, name: str) -> int:
    found = run.summary()[name]
    assert isinstance(found, int)
    return found


def _is_clean(notebook: NotebookNode) -> None:
    code = [one for one in notebook.cells if one.cell_type == "code"]
    assert [one.execution_count for one in code] == list(range(1, len(code) + 1))
    outputs = [one for cell in code for one in cell.outputs]
    assert [one for one in outputs if one.output_type == "error"] == []
    assert [one.text for one in outputs if one.get("name") == "stderr"] == []


def test_what_is_committed_is_of_its_code_and_of_no_machine() -> None:
    """Change a cell, and `python benchmarks/run_notebook.py --pictures FOLDER` runs it again."""
    notebook = read()
    nbformat.validate(notebook)
    assert notebook.metadata[OUTPUTS_OF] == digest(notebook)
    _is_clean(notebook)
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text.encode()) < BYTES
    assert re.findall(r"/(?:tmp|home|root|Users|work|usr)\b", _without_pictures(notebook)) == []
    assert set(notebook.metadata) == {"kernelspec", "language_info", OUTPUTS_OF}
    assert all(not cell.metadata for cell in notebook.cells)
    assert "no folder" not in "".join(
        one.get("text", "") for cell in notebook.cells for one in cell.get("outputs", [])
    )


def _without_pictures(notebook: NotebookNode) -> str:
    words = []
    for cell in notebook.cells:
        words.append(cell.source)
        for one in cell.get("outputs", []):
            words += [one.get("text", ""), one.get("data", {}).get("text/plain", "")]
    return "\n".join(words)
