from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from camexport.errors import WeightsError
from camexport.weights import digest_state, fit_state, read_state, seeded
from networks import Plain


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_float16_states_are_cast_and_fitted(tmp_path: Path, ending: str) -> None:
    network = Plain()
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    path = tmp_path / f"weights.{ending}"
    save_file(half, path) if ending == "safetensors" else torch.save(half, path)
    other = Plain()
    fit_state(other, read_state(path), path.name)
    assert other.fc.weight.dtype == torch.float32
    torch.testing.assert_close(other.fc.weight, network.fc.weight.half().float(), rtol=0, atol=0)


def test_the_digest_follows_values_and_names_only(tmp_path: Path) -> None:
    network = Plain()
    first = digest_state(network)
    fit_state(network, dict(reversed(network.state_dict().items())), "itself")
    assert digest_state(network) == first
    with torch.no_grad():
        network.fc.bias[0] += 1
    assert digest_state(network) != first


def test_weights_that_do_not_fit_name_what_differs() -> None:
    state = Plain().state_dict()
    state.pop("fc.bias")
    with pytest.raises(WeightsError, match=r"half\.pth do not fit(.|\n)*fc\.bias"):
        fit_state(Plain(), state, "half.pth")
    with pytest.raises(WeightsError, match=r"fc\.weight is \(2, 8\) in the file and \(4, 8\) here"):
        fit_state(Plain(), {**Plain().state_dict(), "fc.weight": torch.zeros(2, 8)}, "x")
    wide = {"fc.weight": torch.zeros(7, 8), "fc.bias": torch.zeros(7)}
    with pytest.raises(WeightsError, match=r"may have 7 classes and the network 4: say --labels"):
        fit_state(Plain(), {**Plain().state_dict(), **wide}, "x")


def test_quantised_weights_are_no_values() -> None:
    state = {**Plain().state_dict(), "fc.weight": torch.ones(4, 8, dtype=torch.int8)}
    with pytest.raises(WeightsError, match=r"fc\.weight is torch\.int8 in q\.pth .* not quantised"):
        fit_state(Plain(), state, "q.pth")


def test_files_that_hold_no_state_dict(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*nowhere"):
        read_state(tmp_path / "nowhere")
    for name in ("junk.pth", "junk.safetensors"):
        (tmp_path / name).write_bytes(b"\x01junk\xff")
        with pytest.raises(WeightsError, match=rf"{name} cannot be read"):
            read_state(tmp_path / name)
    both = {"model": Plain().state_dict(), "ema": Plain().state_dict()}
    torch.save(both, tmp_path / "both.pth")
    with pytest.raises(WeightsError, match=r"several state dicts, model, ema"):
        read_state(tmp_path / "both.pth")


def test_random_weights_repeat_and_have_the_noise_statistics() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (seeded(Plain, seed, (32, 32)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert digest_state(first) == digest_state(again) != digest_state(other)
    norm = first.get_submodule("features.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert not norm.training
    assert norm.momentum == 0.1
    noise = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        values = first.get_submodule("features.0")(noise)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, values.mean((0, 2, 3)), rtol=0, atol=0.06)
    torch.testing.assert_close(norm.running_var, values.var((0, 2, 3)), rtol=0.1, atol=0)
