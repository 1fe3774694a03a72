"""The house is as its map says: folders, what is in them, and which way imports go."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOTS = {"camexport": PROJECT / "camexport", "camruntime": PROJECT / "runtime" / "camruntime"}
FILES = {file: root for root, folder in ROOTS.items() for file in folder.rglob("*.py")}


def _module(file: Path) -> str:
    """`camexport.tracing.split`; of an `__init__`, its package."""
    root = FILES[file]
    parts = (root, *file.relative_to(ROOTS[root]).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def _public(file: Path) -> Iterator[str]:
    """The names in a package's `__all__`, in full."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from (f"{_module(file)}.{name}" for name in ast.literal_eval(node.value))


MODULES = {_module(file) for file in FILES}
PACKAGES = {_module(file) for file in FILES if file.name == "__init__.py"}
PUBLIC = {name for file in FILES if file.name == "__init__.py" for name in _public(file)}


def _package(module: str) -> str:
    """The innermost package that a module lies in, or is."""
    while module not in PACKAGES:
        module = module.rpartition(".")[0]
    return module


def _imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Modules of ours that a file imports, and whether whoever imports the file imports them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    at_once = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in ROOTS:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            for module in (names & MODULES) - PUBLIC or {str(node.module)}:
                yield module, id(node) in at_once


def _described() -> dict[str, str]:
    """From the map: each folder, and each module of the two roots, with what is said of it."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    found: dict[str, str] = {}
    places: list[tuple[int, str]] = []
    for line in tree.splitlines():
        name, _, words = line.strip().partition("  ")
        if not name:
            continue
        depth = len(line) - len(line.lstrip())
        places = [place for place in places if place[0] < depth]
        path = "".join(part for _, part in places) + name
        if name.endswith("/"):
            places.append((depth, name))
        found[path] = words.strip()
    return found


def _inside(folder: Path) -> set[str]:
    """Modules in a folder that are no part of its machinery."""
    return {file.stem for file in folder.glob("*.py") if not file.name.startswith("_")}


@pytest.mark.parametrize("root", ROOTS)
def test_the_map_names_every_folder_and_every_module(root: str) -> None:
    described = _described()
    base = ROOTS[root].relative_to(PROJECT).as_posix()
    folders = {
        file.parent.relative_to(PROJECT).as_posix() + "/"
        for file in FILES
        if FILES[file] == root and file.name == "__init__.py"
    }
    mapped = {path for path in described if path.startswith(f"{base}/") and path.endswith("/")}
    assert mapped == folders
    for folder in folders:
        here = {path.removeprefix(folder) for path in described if path.startswith(folder)}
        named = {path.removesuffix(".py") for path in here if re.fullmatch(r"\w+\.py", path)}
        by_registry = described[folder].startswith("a file for each")  # see their own tests
        assert by_registry or named == _inside(PROJECT / folder), folder


def test_the_map_says_what_everything_is() -> None:
    assert [path for path, words in _described().items() if not words] == []


@pytest.mark.parametrize("file", FILES, ids=_module)
def test_packages_are_entered_by_their_front_doors(file: Path) -> None:
    """What another package holds is imported by its public name, not from the file it lies in."""
    here = _module(file)
    for module, _ in _imports(file):
        package = _package(module)
        if module == package or (here + ".").startswith(package + "."):
            continue  # a front door, or a room of the same house
        assert package in ROOTS, f"{here} takes from {module}: import it from {package}"


def test_imports_run_one_way() -> None:
    """No package imports, by whatever way round, one that imports it."""
    arrows: dict[str, set[str]] = {}
    for file in FILES:
        here = _module(file)
        for module, at_once in _imports(file):
            start, end = (_place(one) for one in (here, module))
            if at_once and start != end:
                arrows.setdefault(start, set()).add(end)
    left = set(arrows) | {end for ends in arrows.values() for end in ends}
    while free := {place for place in left if not arrows.get(place, set()) & left}:
        left -= free
    assert left == set()


def _place(module: str) -> str:
    """The package below a root, or the module itself where it lies in one."""
    return ".".join(module.split(".")[:2])


def test_nobody_else_imports_onnx_runtime() -> None:
    """As ruff has it; and the quantiser, which is free of its bans, takes what it needs alone."""
    assert _users("onnxruntime") == {
        "camruntime.engine.session": {"onnxruntime"},
        "camexport.precision.int8": {"onnxruntime.quantization"},
    }


def test_opencv_has_one_door() -> None:
    """Which says in a line what to install; everybody else takes `cv2` from there."""
    assert _users("cv2") == {"camruntime._opencv": {"cv2"}}


def _users(package: str) -> dict[str, set[str]]:
    """The modules that import a package, and what of it."""
    return {_module(file): found for file in FILES if (found := _imported(file, package))}


def _imported(file: Path, package: str) -> set[str]:
    """What of a package a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name for name in names if name.partition(".")[0] == package}
