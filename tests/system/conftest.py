"""One run of the whole of Waybill for all tests here; whoever breaks something leaves it healthy again."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.stack import ROOT, Stack

LOG = ROOT / ".cache" / "system-tests.log"
"""Where to read what the run of the last tests said."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def run() -> Iterator[Stack]:
    """The run; at the end it is told to stop, and nothing may be left of it."""
    root = Path(tempfile.mkdtemp(prefix="waybill-system-"))
    stack = Stack(root)
    try:
        stack.start()
        yield stack
        left = stack.end()
        assert not left, f"30 s after SIGTERM there was still: {left}"
    finally:
        stack.abandon()
        LOG.parent.mkdir(exist_ok=True)
        shutil.copyfile(stack.log, LOG)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def stack(run: Stack) -> Iterator[Stack]:
    """The run, healthy before the test and, which is checked, after it."""
    run.until_ready()
    yield run
    run.until_ready()
