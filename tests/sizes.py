"""Sizes of files and functions beside the figures to be near: reported, never enforced."""

import ast
import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mediation", "tariffs", "rating", "benchmarks")


def main() -> None:
    files: dict[str, int] = {}
    functions: dict[str, int] = {}
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        files[name] = text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                functions[f"{name}:{node.name}"] = node.end_lineno - node.lineno + 1
    lengths = sorted(functions.values())
    print(
        f"sizes: {len(files)} files, median {statistics.median(files.values()):.0f} lines (near 150); "
        f"{len(functions)} functions, median {statistics.median(lengths):.0f} (near 8), "
        f"90th percentile {lengths[len(lengths) * 9 // 10]} (near 30)"
    )
    for title, sizes, limit in (("files over 300 lines", files, 300), ("functions over 70 lines", functions, 70)):
        large = sorted(((size, name) for name, size in sizes.items() if size > limit), reverse=True)
        if large:
            print(f"{title}: " + ", ".join(f"{name} {size}" for size, name in large))


if __name__ == "__main__":
    main()
