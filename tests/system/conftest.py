"""One run of the whole of Waybill for all tests here; whoever breaks something leaves it healthy again."""

import json
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.system.client import Request, call
from tests.system.stack import ROOT, Stack
from tests.system.tenants import ACME, BETA, OPERATOR_KEY, Tenant
from tests.system.waiting import eventually

LOG = ROOT / ".cache" / "system-tests.log"
"""Where to read what the run of the last tests said."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What failed is told together with what the run said meanwhile."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("what `make run` said last", stack.said()))
    return report


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


@pytest.fixture
def released(stack: Stack) -> None:
    """Other tests let so much bounce that the tenants may have been blocked: nobody is, for the next 100 messages."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Content-Type": "application/json"}
    body = json.dumps({"actor": "test", "reason": f"a test begins {time.time()}"}).encode()
    for tenant in (ACME, BETA):
        request = Request("POST", f"/v1/tenants/{tenant.name}/release", body, headers)
        assert call(stack.ports["query"], request).status == 202

        def there(tenant: Tenant = tenant) -> bool:
            (item,) = stack.items("/v1/tenants", OPERATOR_KEY, tenant=tenant.name)
            return bool(item["history"] and item["history"][0]["reason"] == json.loads(body)["reason"])

        eventually(there, 10, f"the release of {tenant.name}")
