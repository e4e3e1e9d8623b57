"""`python -m deploy.local.demo`, which is what `make demo` runs."""

import asyncio
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local import demo_tenant, endpoints
from deploy.local.demo.posting import DemoError, Poster, Reader
from deploy.local.demo.stream import DAY, MAILINGS, Stream, build
from deploy.local.demo_tenant import DemoTenant
from deploy.local.endpoints import Endpoints
from runtime.cli import parser_of, read_settings
from schemas.settings import LocalSettings

_WAIT_S = 60.0
_FAILED = ("bounced", "undelivered", "rejected", "failed")
_ROW = "{:<34} {:>6} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}"


def main() -> None:
    """Posts the stream, waits until all of it is shown, and tells what came of it."""
    parser = parser_of(
        "python -m deploy.local.demo",
        "Posts a realistic, correctly signed stream of callbacks to the running `make run` of this home. "
        "On one day the same stream each time, so a second one changes nothing.",
        LocalSettings,
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another number makes other people and other mailings"
    )
    arguments = parser.parse_args()
    try:
        asyncio.run(_demo(read_settings(LocalSettings).home, arguments))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)


async def _demo(home: Path, arguments: Namespace) -> None:
    where, tenant = _running(home)
    now = int(time.time() * 1000)
    stream = build(arguments.seed, now - now % DAY, tenant.account_sid)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        print(
            f"posting {len(stream.posts):,} signed callbacks of SES and Twilio to {where.ingest} ...",
            flush=True,
        )
        begin = time.monotonic()
        poster = Poster(session, where.ingest, os.environ.get("WAYBILL_PUBLIC_URL", ""), tenant)
        statuses = await poster.post_all(stream.posts)
        posted = time.monotonic()
        if set(statuses) != {200}:
            raise DemoError(f"not all were answered 200: {dict(statuses)}")
        rates = await Reader(session, where.query, tenant).wait_for(stream.expected, _WAIT_S)
        shown = time.monotonic()
    print(
        f"all answered 200 in {posted - begin:.1f} s; the figures were exact {shown - posted:.1f} s later\n"
    )
    for line in summary(stream, rates):
        print(line)
    print()
    for line in what_next(stream, where, tenant):
        print(line)


def _running(home: Path) -> tuple[Endpoints, DemoTenant]:
    """Where the run on that home is, and its demo tenant. Raises DemoError where there is none."""
    where = endpoints.read(home)
    if where is None or not _is_alive(where.supervisor):
        raise DemoError(
            f"nothing is running on {home}. Start it with `make run` in another terminal, then try again."
        )
    tenant = demo_tenant.load(home)
    if tenant is None or Path(where.tenants).resolve() != tenant.tenants_file.resolve():
        raise DemoError(
            f"the run on {home} uses the tenants file {where.tenants}, in which there is no demo tenant. "
            "Start `make run` without WAYBILL_TENANTS."
        )
    return where, tenant


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def summary(stream: Stream, rates: Mapping[str | None, Mapping[str, Any]]) -> Iterator[str]:
    """The rates of each mailing and of the text messages, as a table."""
    untracked = {mailing.name for mailing in MAILINGS if not mailing.tracked}
    yield _ROW.format(
        "mailing", "sent", "delivered", "opened", "people", "clicked", "failed", "spam", "not sent"
    )
    for campaign in stream.expected:
        counts, figures = rates[campaign]["counts"], rates[campaign]["rates"]
        tracked = not any(campaign.startswith(name) for name in untracked) and counts["opened"]
        yield _ROW.format(
            campaign,
            counts["sent"],
            _percent(figures["delivery"]),
            _percent(figures["open"]) if tracked else "-",
            _percent(figures["human_open"]) if tracked else "-",
            _percent(figures["click"]) if tracked else "-",
            sum(counts[name] for name in _FAILED) or "-",
            counts["complained"] or "-",
            counts["invalid"] + counts["skipped"] or "-",
        )
    yield "people: opened, leaving out prefetching and scanning machines; failed: bounced, undelivered or refused"


def what_next(stream: Stream, where: Endpoints, tenant: DemoTenant) -> Iterator[str]:
    """Commands to go on with."""
    campaign = next(iter(stream.expected))
    queries = {
        "the log, newest first": "/v1/messages?limit=3",
        "who did not get it, and why": f"/v1/messages?campaign={campaign}&status=bounced&status=invalid",
        "all that one person got": f"/v1/messages?recipient={stream.recipient}",
        "an invoice's way": f"/v1/messages?document={stream.document}",
        "text messages that failed": "/v1/messages?channel=sms&status=undelivered&status=rejected",
        "rates by domain": "/v1/rates?channel=email&group_by=domain",
    }
    yield "Ask it yourself:"
    yield f"  export KEY={tenant.key}"
    for meaning, path in queries.items():
        yield f"  curl -sH \"Authorization: Bearer $KEY\" '{where.query}{path}'   # {meaning}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


if __name__ == "__main__":
    main()
