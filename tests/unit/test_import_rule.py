"""The import rule: the parts import schemas and runtime, and never each other; schemas does no I/O."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("ingest", "processors", "query", "deploy")
SHARED = ("schemas", "runtime")
MAY = {
    "schemas": {"schemas"},
    "runtime": {"runtime", "schemas"},
    **{part: {part, *SHARED} for part in PARTS},
}
"""Which of our own packages each may import."""

OURS = {*PARTS, *SHARED, "tests", "bench"}
IO = {
    "aiohttp",
    "aiokafka",
    "asyncio",
    "clickhouse_connect",
    "faust",
    "http",
    "requests",
    "rocksdict",
    "socket",
    "subprocess",
    "urllib.request",
}
"""What the pure package must not import, since nothing else is done with it."""


def imports_of(text: str) -> Iterator[str]:
    """Dotted names of the modules that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def violations(package: str, text: str) -> set[str]:
    """Imports that a file of this package must not have."""
    found = {name for name in imports_of(text) if name.split(".")[0] in OURS - MAY[package]}
    if package == "schemas":
        found |= {
            name for name in imports_of(text) if any(name == io or name.startswith(f"{io}.") for io in IO)
        }
    return found


@pytest.mark.parametrize("package", sorted(MAY))
def test_the_parts_import_schemas_and_runtime_and_never_each_other(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package}/ has no files: has it moved?"
    found = {
        str(file.relative_to(ROOT)): names
        for file in files
        if (names := violations(package, file.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize("package", sorted(MAY))
def test_no_part_uses_relative_imports_that_would_hide_what_it_imports(package: str) -> None:
    relative = [
        str(file.relative_to(ROOT))
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


@pytest.mark.parametrize(
    ("package", "text", "expected"),
    [
        ("ingest", "from processors.facts import fold", {"processors.facts", "processors.facts.fold"}),
        ("query", "def f():\n    import ingest.app", {"ingest.app"}),
        ("runtime", "import deploy", {"deploy"}),
        ("deploy", "import importlib\nimportlib.import_module('query.app')", {"query.app"}),
        ("processors", "from tests import strategies", {"tests", "tests.strategies"}),
        ("schemas", "from runtime.http import app", {"runtime.http", "runtime.http.app"}),
        ("schemas", "import asyncio", {"asyncio"}),
        ("query", "from schemas.events import Event\nimport runtime.http\nimport querying", set()),
    ],
)
def test_a_breach_is_seen_wherever_it_hides(package: str, text: str, expected: set[str]) -> None:
    assert violations(package, text) == expected
