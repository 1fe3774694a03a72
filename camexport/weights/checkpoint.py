"""Weights in a file, however a training wrapped them.

A training saves more than a state dict: an epoch, an optimizer, an average of the weights beside
the weights, under names of its framework's choice and with its wrappers' prefixes. What is taken
are the tensors that have the network's names. Where there are two such sets, one of which says that
it is an average (`ema`), that is taken, as timm and Ultralytics do, and said; otherwise nothing is.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from camexport.errors import WeightsError
from camexport.weights.state_dict import EXTRA, few, fit_state

State = Mapping[str, Tensor]
"""Names to tensors. torch's own keep versions of modules beside them, as `_metadata`."""

_DEPTH = 3  # {"ema": {"module": {"state_dict": ...}}}
_AVERAGE = re.compile(r"(^|[._])(ema|swa|averaged?|shadow)([._]|$)", re.IGNORECASE)
_WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_COUNTERS = ("n_averaged",)  # of torch.optim.swa_utils.AveragedModel
_ALLOWED = "where you trust the file, save its weights alone with "


@dataclass(frozen=True)
class _Found:
    """Tensors with some of the network's names.

    Attributes:
        entry: of the file; empty where the file itself is the state dict.
        prefix: of the names that were taken.
        state: the tensors by the network's names.
        beside: names without the prefix.
        covers: whether all of the network's names are there, in its shapes.
        shared: how many of them are.
    """

    entry: str
    prefix: str
    state: State
    beside: tuple[str, ...]
    covers: bool
    shared: int

    @property
    def name(self) -> str:
        """For people: what in the file it is."""
        parts = [f"entry '{self.entry}'"] if self.entry else []
        parts += [f"prefix '{self.prefix}'"] if self.prefix else []
        return ", ".join(parts)

    @property
    def averaged(self) -> bool:
        return _AVERAGE.search(f"{self.entry}.{self.prefix}") is not None


def read_state(path: Path) -> State:
    """The only state dict in a file: `.safetensors`, or what `torch.save` wrote.

    No code in the file is run.

    Raises:
        WeightsError: the file is missing, cannot be read, or holds none, or several.
    """
    states = read_checkpoint(path)
    if len(states) > 1:
        raise WeightsError(
            f"{path} holds several state dicts, {few(states)}: save one of them alone"
        )
    (state,) = states.values()
    return state


def read_checkpoint(path: Path) -> dict[str, State]:
    """The state dicts in a file by the entries that they are in; `''` is the file itself.

    Raises:
        WeightsError: the file is missing, cannot be read, or holds none.
    """
    if not path.is_file():
        raise WeightsError(
            f"no weights at {path}: expected 'default', 'random' or the path of a state dict"
        )
    content = _load(path)
    states = dict(_states(content, "", _DEPTH))
    if not states:
        raise WeightsError(
            f"{path} is not a state dict (names to tensors): found {_described(content)}; save it "
            "with torch.save(network.state_dict(), path)"
        )
    return states


def fit_checkpoint(network: nn.Module, states: Mapping[str, State], origin: str) -> str:
    """Load the state dict among `states` that fits `network`; returns which, in words.

    Args:
        network: whose weights are set.
        states: as `read_checkpoint` gives them.
        origin: the file's name, for messages.

    Raises:
        WeightsError: none fits, or several do of which none says that it is an average.
    """
    own = network.state_dict()
    found = [one for entry, state in states.items() for one in _candidates(own, entry, state)]
    most = max(one.shared for one in found)
    if not most and own:
        raise WeightsError(
            f"the weights from {origin} are of another network: their names are "
            f"{few(name for state in states.values() for name in state)}, the network's {few(own)}"
        )
    # Names and shapes need not be those of the network: some read older files themselves.
    fitting = [one for one in found if one.covers]
    chosen = _choose(fitting or [one for one in found if one.shared == most], origin)
    fit_state(network, chosen.state, f"{origin} ({chosen.name})" if chosen.name else origin)
    rest = [one for one in found if one is not chosen and 2 * one.shared > len(own)]
    said = [chosen.name] if chosen.name else []
    said += [f"not {one.name or 'the file itself'}, which is there too" for one in rest]
    said += [f"without {few(chosen.beside)}"] if chosen.beside else []
    return ", ".join(said)


def _choose(fitting: list[_Found], origin: str) -> _Found:
    averaged = [one for one in fitting if one.averaged]
    if len(averaged) == 1 and len(fitting) <= 2:
        return averaged[0]
    if len(fitting) > 1:
        raise WeightsError(
            f"{origin} holds several weights that may be meant: "
            f"{'; '.join(one.name or 'the file itself' for one in fitting)}: save those that you "
            "mean alone, with torch.save(state_dict, path)"
        )
    return fitting[0]


def _candidates(own: State, entry: str, state: State) -> Iterator[_Found]:
    """`state` under each prefix that all of the network's names have, or the most of them."""
    plain = _unwrapped(own, state)
    counts: Counter[str] = Counter({"": 0})
    for name in plain:
        parts = name.split(".")
        for at in range(len(parts)):
            if ".".join(parts[at:]) in own:
                counts["".join(f"{part}." for part in parts[:at])] += 1
    most = max(counts.values())
    prefixes = [prefix for prefix, count in counts.items() if count == most]
    for prefix in prefixes:
        # What stands under another prefix is another network, and not left over of this one.
        others = tuple(one for one in prefixes if one.startswith(prefix) and one != prefix)
        yield _under(own, entry, plain, prefix, others)


def _under(own: State, entry: str, state: State, prefix: str, others: tuple[str, ...]) -> _Found:
    def bare(name: str) -> str | None:
        inside = name.startswith(prefix) and not name.startswith(others)
        return name.removeprefix(prefix) if inside else None

    taken = _renamed(state, bare)
    covers = own.keys() == taken.keys() and all(
        name.endswith(EXTRA) or value.shape == own[name].shape for name, value in taken.items()
    )
    beside = tuple(name for name in state if bare(name) is None)
    return _Found(entry, prefix, taken, beside, covers, len(own.keys() & taken.keys()))


def _unwrapped(own: State, state: State) -> State:
    """Without what wrappers put in, wherever it is, where the network itself has no such names."""
    known = {part for name in own for part in name.split(".")}
    wrappers = [one for one in _WRAPPERS if one not in known]

    def plain(name: str) -> str | None:
        if name in _COUNTERS and name not in own:
            return None
        return ".".join(part for part in name.split(".") if part not in wrappers)

    names = [new for new in map(plain, state) if new is not None]
    return _renamed(state, plain) if len(names) == len(set(names)) else state


def _renamed(state: State, rename: Callable[[str], str | None]) -> State:
    """With other names, `None` leaves out; modules' versions go along."""
    made: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in state.items():
        new = rename(name)
        if new is not None:
            made[new] = value
    versions = getattr(state, "_metadata", None)
    if versions is not None:
        pairs = [(rename(f"{path}." if path else ""), value) for path, value in versions.items()]
        kept = {new.removesuffix("."): value for new, value in pairs if new is not None}
        made._metadata = kept  # type: ignore[attr-defined]  # where torch looks for them
    return made


def _states(content: object, entry: str, depth: int) -> Iterator[tuple[str, State]]:
    """State dicts in what a file holds, each with the path of the entry that it is in."""
    if not isinstance(content, Mapping) or not content:
        return
    if all(isinstance(name, str) for name in content) and _all_tensors(content):
        yield entry, content
        return
    for name, value in content.items():
        if depth and isinstance(name, str):
            yield from _states(value, f"{entry}.{name}" if entry else name, depth - 1)


def _all_tensors(content: Mapping[str, object]) -> bool:
    values = [value for name, value in content.items() if not name.endswith(EXTRA)]
    return bool(values) and all(isinstance(value, Tensor) for value in values)


def _described(content: object) -> str:
    """What a file holds instead, what is no tensor first."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    ordered = sorted(content.items(), key=lambda item: isinstance(item[1], Tensor))
    entries = [f"{name} ({type(value).__name__})" for name, value in ordered]
    return f"{type(content).__name__} with {few(entries, 6) or 'nothing in it'}"


def _load(path: Path) -> object:
    start = _first(path)
    if start[8:9] == b"{" or path.suffix == ".safetensors":
        try:
            return load_file(path)
        except Exception as error:  # whatever damaged bytes provoke
            raise WeightsError(f"{path} cannot be read as safetensors: {_line(error)}") from error
    lines = start.decode("latin-1").strip().splitlines()
    if start.isascii() and all(line.strip().isprintable() for line in lines):
        found = f"text, '{lines[0].strip()[:40]}'" if lines else "empty"
        raise WeightsError(f"{path} cannot be read: it is {found}; download or copy it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle's protocols and TorchScript; see below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever damaged bytes provoke, and what torch does not load
        raise WeightsError(_refused(path, error)) from error


def _first(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def _refused(path: Path, error: Exception) -> str:
    """What torch does not load, and how to save what is meant."""
    if "TorchScript" in str(error):
        return (
            f"{path} is TorchScript, not a state dict: {_ALLOWED}"
            "torch.save(torch.jit.load(path).state_dict(), 'weights.pth'), and name the network "
            "with --model"
        )
    objects = _objects(path, error)
    if any(name.startswith("torch.nn.modules.") for name in objects):
        own = [name for name in objects if not name.startswith("torch.nn.")] or objects
        return (
            f"{path} holds a whole pickled network ({few(own)}), which is not loaded, as it may "
            f"run code: {_ALLOWED}torch.save(torch.load(path, weights_only=False)"
            ".state_dict(), 'weights.pth') (or that of its entry 'model'), and name the network "
            "with --model package.module:callable"
        )
    if objects:
        return (
            f"{path} holds other objects than tensors ({few(objects)}), which are not loaded, as "
            f"they may run code: {_ALLOWED}torch.save(torch.load(path, weights_only=False)"
            "['state_dict'], 'weights.pth'), or whichever of its entries they are in"
        )
    return f"{path} cannot be read as a state dict: {_line(error)}"


def _objects(path: Path, error: Exception) -> list[str]:
    """Classes and functions that the file asks for and torch does not allow."""
    try:
        found = list(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # only files of torch's newer format; the error names at least one
        found = []
    return sorted(found or re.findall(r"GLOBAL ([\w.]+)", str(error)))


def _line(error: Exception) -> str:
    """An error's own words: torch puts them behind advice to let the file run code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    behind = next((at for at, one in enumerate(lines) if "WeightsUnpickler error" in one), None)
    if behind is not None:
        own = lines[behind].partition("WeightsUnpickler error:")[2].strip()
        return own or (lines[behind + 1] if behind + 1 < len(lines) else "not a pickle")
    return lines[0].partition(". ")[0][:200] if lines else type(error).__name__
