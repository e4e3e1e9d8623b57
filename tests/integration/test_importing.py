"""`python -m deploy import` against a real ingest on a real Kafka: all of a file, or nothing for a reason that is told."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

from deploy.importing.command import DONE, FAULTY, INTERRUPTED, UNUSABLE, add_arguments, prepare, run
from deploy.importing.lists import Post
from deploy.importing.posting import Stopped, post_all
from deploy.local.process import free_port
from deploy.topics import create_topics
from processors.providers.app import adapt
from processors.providers.told import Told
from schemas.activity import Mark
from schemas.consent import ConsentChange
from tests.integration.ingest_stage import PARTITIONS, Client, Receipts, bearer, receipts, within


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stored(kafka: str) -> AsyncIterator[Receipts]:
    await create_topics(kafka, partitions=PARTITIONS)
    async with receipts(kafka) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(
    kafka: str, stored: Receipts, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    async with within(kafka, tmp_path_factory.mktemp("importing")) as client:
        yield client


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYBILL_KEY", bearer("writer"))


def arguments(*given: str) -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(given)


async def imported(ingest: Client, kind: str, file: Path, *more: str) -> int:
    """The command's exit status; it has an event loop of its own, as a process has."""
    return await asyncio.to_thread(run, arguments(kind, str(file), "--url", ingest.base, *more))


async def told(stored: Receipts, things: int) -> list[Told]:
    """What the worker understands of so many new receipts."""
    found = [adapt(envelope, "acme") for envelope in await stored.until(things)]
    assert all(isinstance(one, Told) for one in found)
    return [one for one in found if isinstance(one, Told)]


async def test_a_suppression_list_becomes_marks_against_its_addresses(
    ingest: Client, stored: Receipts, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    rows = "".join(f"user{n}@example.org,complaint\n" for n in range(1200))
    file.write_text(f"address,reason\n Ann@Example.org,\n{rows}")
    assert await imported(ingest, "suppressions", file, "--actor", "Sam Lee") == DONE
    found = [activity for one in await told(stored, 1201) for activity in one.activity]
    assert {activity.address for activity in found} == {
        "ann@example.org",
        *(f"user{n}@example.org" for n in range(1200)),
    }
    assert all(isinstance(activity.what, Mark) and activity.what.cause == "import" for activity in found)


async def test_opt_outs_become_changes_of_consent_and_a_repetition_the_same_ones(
    ingest: Client, stored: Receipts, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address,reference\nann@example.org,form 7\n+1 500 555 0006,\n")
    entries = []
    for _ in range(2):
        assert await imported(ingest, "opt-outs", file) == DONE
        changes = [activity.what for one in await told(stored, 2) for activity in one.activity]
        assert all(isinstance(change, ConsentChange) and change.source == "import" for change in changes)
        entries.append({change.entry_id for change in changes if isinstance(change, ConsentChange)})
    assert entries[0] == entries[1]
    assert len(entries[0]) == 2


async def test_customers_are_put_one_by_one(ingest: Client, stored: Receipts, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    rows = "".join(f"a/b {n},user{n}@example.org,yes\n" for n in range(40))
    hostile = ("..", ".", "a?b#c", "50%", "a+b", "ünï")
    rows += "".join(f"{name},user@example.org,yes\n" for name in hostile)
    file.write_text(f"customer,address,primary\n{rows}")
    assert await imported(ingest, "customers", file, "--customer-kind", "staff") == DONE
    found = [customer for one in await told(stored, 40 + len(hostile)) for customer in one.customers]
    assert {(one.customer, one.kind, one.addresses[0].primary) for one in found} == {
        (name, "staff", True) for name in (*hostile, *(f"a/b {n}" for n in range(40)))
    }


async def test_one_fault_keeps_the_whole_file_out(
    ingest: Client, stored: Receipts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address\n" + "a@example.org\n" * 700 + "nobody@\n")
    assert await imported(ingest, "opt-outs", file) == FAULTY
    said = capsys.readouterr().err
    assert f"{file}: line 702: address: expected an email address" in said
    assert "1 fault; nothing was posted" in said
    file.write_text("address\nlast@example.org\n")
    assert await imported(ingest, "opt-outs", file) == DONE
    assert [activity.address for one in await told(stored, 1) for activity in one.activity] == [
        "last@example.org"
    ]


async def test_a_key_that_may_not_write_is_told_and_nothing_is_stored(
    ingest: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address\nann@example.org\n")
    monkeypatch.setenv("WAYBILL_KEY", "nobody's")
    assert await imported(ingest, "opt-outs", file) == FAULTY
    said = capsys.readouterr().err
    assert "stopped: lines 2 to 2: ingest answered 401: unauthenticated" in said
    assert "Give the same command again" in said
    monkeypatch.delenv("WAYBILL_KEY")
    assert await imported(ingest, "opt-outs", file) == UNUSABLE


async def test_nobody_at_the_address_is_told_after_some_tries() -> None:
    post = Post("POST", "/v1/consents", b"[]", 1, (2, 9))
    with pytest.raises(Stopped, match="lines 2 to 9: ingest does not answer"):
        await post_all(f"http://127.0.0.1:{free_port()}", "k", None, [post], lambda _: None, (0.01, 0.01))


async def test_what_cannot_be_stored_for_a_moment_is_posted_again_until_it_can() -> None:
    seen: list[tuple[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path_qs, orjson.loads(await request.read())))
        return web.json_response({"code": "unavailable"}, status=503 if len(seen) < 3 else 202)

    app = web.Application()
    app.router.add_post("/v1/consents", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    done: list[int] = []
    try:
        post = Post("POST", "/v1/consents", b'["x"]', 5, (2, 6))
        await post_all(f"http://127.0.0.1:{port}", "k", "acme", [post], done.append, (0.01,) * 5)
    finally:
        await runner.cleanup()
    assert seen == [("/v1/consents?tenant=acme", ["x"])] * 3
    assert done == [5]


async def test_stopped_by_hand_it_says_how_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address\nann@example.org\n")
    reached = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_post("/v1/consents", never)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "deploy",
                "import",
                "opt-outs",
                str(file),
                "--url",
                f"http://127.0.0.1:{port}",
            ),
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"WAYBILL_KEY": "k"},
            # Whoever runs the tests as a shell's background job hands on an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        async with asyncio.timeout(60):
            await reached.wait()
            process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
    finally:
        await runner.cleanup()
    assert process.returncode == INTERRUPTED
    assert b"stopped by hand" in said
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("--url", "localhost:8080"), "--url: expected an address such as http://127.0.0.1:8080"),
        (("--url", "http://[::1"), "--url: expected an address such as"),
        (("--url", "http://127.0.0.1:99999"), "--url: expected an address such as"),
        (("--at", "yesterday"), "--at: expected an RFC 3339 time with its zone"),
        (("--at", "2999-01-01"), "--at: expected a time that is not in the future"),
        (("--category", "spam"), "--category: invalid choice: 'spam'"),
        (("--customer-kind", "cat"), "--customer-kind: invalid choice: 'cat'"),
    ],
)
def test_what_is_wrong_with_the_command_is_told_of_the_command_and_not_of_every_line(
    given: tuple[str, str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments("opt-outs", "list.csv", *given)
    assert ended.value.code == UNUSABLE
    assert expected in capsys.readouterr().err


def test_a_day_alone_is_a_time_of_the_command_too_and_a_path_may_stand_before_that_of_ingest() -> None:
    given = arguments("opt-outs", "x", "--at", "2026-10-01", "--url", "http://h:1/waybill/")
    assert (given.at, given.url) == ("2026-10-01T00:00:00Z", "http://h:1/waybill")
    (post,) = prepare(b"address\nann@example.org\n", given, 0).posts
    assert b'"at":"2026-10-01T00:00:00Z"' in post.body


def test_a_bar_moves_while_the_file_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    prepare(b"address\n" + b"ann@example.org\n" * 3, arguments("opt-outs", "x"), 0)
    assert "checking opt-outs" in (said := capsys.readouterr().err)
    assert "3/3 100%" in said


def test_the_check_alone_posts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address\nann@example.org\n")
    assert run(arguments("opt-outs", str(file), "--check", "--url", "http://127.0.0.1:1")) == DONE
    assert "1 opt-outs, no faults" in capsys.readouterr().err
    assert prepare(b"address\n", arguments("opt-outs", "x"), 0).things == 0
