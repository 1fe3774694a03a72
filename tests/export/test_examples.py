"""The example's network is trained for a moment, and built with the command that it prints."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import camruntime
from augment import augmented
from camexport.cli.app import app
from cell_labels import cell_labels, cell_loss
from folder_pictures import Pictures, read_pictures
from folds import folds_of, one_of_each
from small_network import LocalContrast, LogMeanExp, make
from train_small import main as train

PROJECT = Path(__file__).parents[2]


MASKED = ["--masks", "--local", "4", "--good-share", "0.3", "--upright", "--decay", "0.1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey noise; on defects a white or black square."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("parts")
    for label, value in (("fine", None), ("bright", 255), ("dark", 0)):
        (root / label).mkdir()
        for index in range(12):
            picture = rng.integers(100, 156, (40, 44), np.uint8)
            mask = np.zeros((40, 44), np.uint8)
            if value is not None:
                picture[8:20, 10:22], mask[8:20, 10:22] = value, 255
            cv2.imwrite(str(root / label / f"{index}.jpg"), picture)
            cv2.imwrite(str(root / label / f"{index}.png"), mask)
    return root


def test_pictures_are_read_without_their_masks_good_first(folder: Path) -> None:
    found = read_pictures(folder, "fine", 32)
    assert found.labels == ("fine", "bright", "dark")
    assert len(found.files) == 36
    assert found.pixels.shape == (36, 32, 32)
    assert found.files[12] == "bright/0.jpg"
    with pytest.raises(SystemExit, match="--good names one of several"):
        read_pictures(folder, "good", 32)


@pytest.mark.parametrize("options", [[], MASKED], ids=["labels", "masks"])
def test_trained_and_built_with_the_command_that_it_prints(
    options: list[str],
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = ["--good", "fine", "--size", "32", "--epochs", "25", "--batch", "12", *options]
    train([str(folder), *given, "--out", str(tmp_path), "--test", str(folder)])
    printed = capsys.readouterr().out
    assert "accuracy 1.000" in printed
    program, *words = shlex.split(printed.strip().splitlines()[-1])
    assert program == "camexport"
    monkeypatch.chdir(PROJECT)
    built = CliRunner().invoke(app, words)
    assert built.exit_code == 0, built.output
    explainer = camruntime.load(tmp_path / "bundle", providers=["cpu"])
    assert explainer.explain(folder / "dark" / "3.jpg").predicted.label == "dark"
    strongest = {
        label: [
            explainer.explain(file, "recipro-cam:score=logit", "not fine").raw.max()
            for file in sorted((folder / label).glob("*.jpg"))
        ]
        for label in ("fine", "dark")
    }
    assert max(strongest["fine"]) < min(strongest["dark"])


def test_each_picture_is_held_out_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--good", "fine", "--size", "16", "--epochs", "1", "--folds", "3"]
    train([str(folder), *given, "--out", str(tmp_path)])
    assert capsys.readouterr().out.count("camexport build") == 3
    held = [(tmp_path / f"fold-{k}" / "held_out.txt").read_text().split() for k in (1, 2, 3)]
    every = read_pictures(folder, "fine", 16).files
    assert sorted(name for part in held for name in part) == sorted(every)
    kinds = [[name.partition("/")[0] for name in part] for part in held]
    assert all(part.count(label) == 4 for part in kinds for label in ("fine", "bright", "dark"))


def test_log_mean_exp_lies_between_mean_and_maximum() -> None:
    cells = torch.tensor([[[[0.0, 3.0], [0.0, 0.0]]]])
    assert LogMeanExp()(cells).item() == pytest.approx(np.log((3 + np.exp(3)) / 4))


def test_good_is_where_nothing_is_not() -> None:
    network = make(4).eval()
    assert network(torch.zeros(2, 1, 32, 32))[:, 0].tolist() == [0, 0]


def test_augmented_pictures_hold_what_they_held() -> None:
    """A square in the middle stays whole, and every symmetry comes."""
    torch.manual_seed(0)
    pictures = torch.zeros(64, 1, 48, 48)
    pictures[:, :, 20:28, 22:30] = 1
    pictures[:, :, 20, 22] = 2
    found = augmented(pictures)
    assert (found.sum((1, 2, 3)) == 65).all()
    corners = torch.stack([torch.nonzero(one[0] == 2)[0] for one in found])
    assert len(torch.unique(corners, dim=0)) > 30
    lit = augmented(torch.ones(1000, 1, 16, 16), light=0.3)  # 1 + contrast + brightness
    assert lit.std((1, 2, 3)).max() == 0
    assert lit.mean() == pytest.approx(1, abs=0.03)
    assert lit.mean((1, 2, 3)).std() == pytest.approx(0.3 * (2 / 3) ** 0.5, rel=0.1)


def test_upright_pictures_stay_so_and_masks_move_along() -> None:
    """The mask is the picture, and stays it; what was above is above or below."""
    torch.manual_seed(0)
    pictures = torch.zeros(64, 2, 48, 48)
    pictures[:, :, 18, 20:28] = 1
    found = augmented(pictures, upright=True)
    assert (found[:, 0] == found[:, 1]).all()
    assert (found[:, 0].amax(2).sum(1) == 1).all()
    lit = augmented(pictures, light=0.3)[:, 1]
    assert set(lit.flatten().tolist()) == {0, 1}


def test_local_contrast_forgets_light() -> None:
    contrast, pictures = LocalContrast(2), torch.rand(2, 1, 16, 16)
    around = pictures[:, :, 3:8, 4:9].mean((2, 3))
    assert torch.allclose(contrast.mean(pictures)[:, :, 5, 6], around)
    corner = pictures[:, :, :3, :3].mean((2, 3))
    assert torch.allclose(contrast.mean(pictures)[:, :, 0, 0], corner)
    found = contrast(10 * pictures)
    assert torch.allclose(contrast(20 * pictures - 5), found, atol=0.05)
    assert contrast(torch.full((1, 1, 16, 16), 3.0)).abs().max() < 1e-4


def test_masks_label_cells() -> None:
    """A whole cell is the defect's, a touched one nobody's, and an empty mask says nothing."""
    masks = torch.zeros(3, 16, 16)
    masks[0, :8, :8], masks[0, 8, 8:10] = 1, 1
    found = cell_labels(masks, torch.tensor([2, 0, 1]), 8)
    assert found.tolist() == [[[2, 0], [0, -100]], [[0, 0], [0, 0]], [[-100, -100]] * 2]
    sure = torch.zeros(3, 3, 2, 2)
    sure[0, 2, 0, 0] = sure[0, 0, 0, 1] = sure[0, 0, 1, 0] = 50
    sure[1, 0], sure[2, 1] = 50, 50
    assert cell_loss(sure, found) < 1e-6
    assert cell_loss(-sure, found) > 10


def test_pictures_of_one_object_are_held_out_together() -> None:
    """Four pictures each of nine objects, two of them in other light."""
    torch.manual_seed(0)
    objects = torch.randint(60, 120, (9, 64, 64))
    pixels = torch.cat([objects, objects + 100, objects // 2, objects + 10]).to(torch.uint8)
    classes = (torch.arange(9) % 3).repeat(4)
    names = tuple(str(row % 9) for row in range(36))
    pictures = Pictures(names, pixels, classes, ("a", "b", "c"))
    for seen, held in folds_of(pictures, 3, alike=0.6):
        assert not set(seen.files) & set(held.files)
        assert held.classes.bincount().tolist() == [4, 4, 4]
        assert len(seen.files) + len(held.files) == 36
    first = one_of_each(pictures, 0.6)
    assert first.files == names[:9]
    assert first.pixels.equal(objects.to(torch.uint8))
