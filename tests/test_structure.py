"""The structure: imports go one way and in no circle, and no binary float is in a money path."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mediation", "tariffs", "rating")
ALLOWED = {"mediation": {"mediation"}, "tariffs": {"tariffs"}, "rating": {"mediation", "tariffs", "rating"}}
FILES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
CLOCKS = {
    "rating/api/metrics.py",
    "rating/api/serving.py",
    "rating/api/watch.py",
    "rating/api/workers.py",
    "rating/cli/progress.py",
    "rating/ahead.py",
    "rating/lake/disk.py",
    "rating/lake/errors.py",
    "rating/streaming/client_log.py",
    "rating/streaming/kafka.py",
    "rating/streaming/memory.py",
    "rating/streaming/metrics.py",
    "rating/streaming/rekey.py",
    "rating/streaming/service.py",
    "rating/streaming/source.py",
}
"""Files where a float is a time to wait or to show, and no money passes."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, whole: bool) -> set[str]:
    """The modules of ours that ``path`` imports; unless ``whole``, at its top level only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if whole else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in PACKAGES}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert {name.split(".")[0] for name in imports(path, whole=True)} <= ALLOWED[package]


def test_no_circles() -> None:
    modules = {module_of(p): p for p in FILES}
    graph = {
        name: {m for m in imports(path, whole=False) if m in modules and m != name} for name, path in modules.items()
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_float_in_a_money_path(path: Path) -> None:
    """No float literal, no float(), no true division, no float type: money is int64 nano or an exact fraction."""
    if str(path.relative_to(ROOT)) in CLOCKS:
        return
    text = path.read_text(encoding="utf-8")
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{node.lineno}: literal {node.value}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found.append(f"{node.lineno}: float()")
        elif isinstance(node, ast.Attribute) and re.fullmatch(r"float\d*|double|mean|average", node.attr):
            found.append(f"{node.lineno}: {node.attr}")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_path_or_fraction(node):
            found.append(f"{node.lineno}: true division")
    assert not found


def is_path_or_fraction(node: ast.BinOp) -> bool:
    """``folder / name`` joins paths; a Fraction divides exactly."""
    shown = ast.unparse(node)
    return bool(re.search(r"[\"']|Path|folder|home|path|Fraction|_home|docs|out|exact|tariff\.file", shown))


def test_names_say_what_things_are() -> None:
    vague = re.compile(r"^(utils?|helpers?|manager|misc|common|process|handle)$")
    assert not [p for p in FILES if vague.match(p.stem)]
