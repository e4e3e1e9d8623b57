"""The command: arguments, the file, what is told to people, and the exit status."""

import asyncio
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from deploy.arguments import base_url
from deploy.importing.files import LineFault, read_records
from deploy.importing.lists import KINDS, Defaults, Prepared, moment
from deploy.importing.posting import Stopped, post_all
from deploy.importing.progress import Progress
from schemas.consent import CATEGORIES, MARKETING
from schemas.customers import KINDS as CUSTOMER_KINDS
from schemas.registration_fields import EARLIEST_MS, faults_of_time
from schemas.status import CHANNELS
from schemas.times import format_time

DONE, FAULTY, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all is stored; nothing, or not all of it, for the reason told; the command was wrong; stopped by hand."""

_MOST_FAULTS = 100


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("kind", choices=list(KINDS), help="what the file is a list of")
    parser.add_argument(
        "file", type=Path, help="CSV in UTF-8 whose first line names its columns (docs/operations.md)"
    )
    parser.add_argument(
        "--url",
        type=base_url,
        default="http://127.0.0.1:8080",
        help="where ingest is (default: %(default)s)",
    )
    parser.add_argument(
        "--key-env",
        default="WAYBILL_KEY",
        metavar="NAME",
        help="environment variable that has a key with the scope write (default: %(default)s)",
    )
    parser.add_argument("--tenant", help="with an operator's key: the tenant whose list it is")
    parser.add_argument(
        "--actor", default="import", help="who brings the list, for the log (default: %(default)s)"
    )
    parser.add_argument(
        "--channel",
        choices=CHANNELS,
        help="of rows without one (default: sms for what could be dialled, else email)",
    )
    parser.add_argument(
        "--category",
        choices=CATEGORIES,
        default=MARKETING,
        help="of consents without one (default: %(default)s)",
    )
    parser.add_argument("--reason", help="of rows without one")
    parser.add_argument(
        "--customer-kind",
        choices=CUSTOMER_KINDS,
        default="client",
        help="of customers without one (default: %(default)s)",
    )
    parser.add_argument(
        "--at",
        type=_time,
        help="of rows without a time: RFC 3339, or a day alone (default: when the file was last changed)",
    )
    parser.add_argument("--check", action="store_true", help="only look for faults, post nothing")


def _time(given: str) -> str:
    """A time that the rows of a file may have. Raises ArgumentTypeError."""
    told = moment(given)
    for _, expected in faults_of_time("at", told, EARLIEST_MS, _now()):
        raise ArgumentTypeError(expected)
    return told


def _now() -> int:
    return time.time_ns() // 1_000_000


def run(arguments: Namespace) -> int:
    """Checks the whole file, then posts it; the exit status."""
    key = os.environ.get(arguments.key_env, "")
    if not (key or arguments.check):
        print(
            f"--key-env: expected the environment variable {arguments.key_env} to have a key", file=sys.stderr
        )
        return UNUSABLE
    try:
        data, changed = arguments.file.read_bytes(), arguments.file.stat().st_mtime
    except OSError as error:
        print(f"{arguments.file}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    prepared = prepare(data, arguments, int(changed * 1000))
    if prepared.faults:
        _tell_faults(arguments.file, prepared.faults)
        return FAULTY
    if arguments.check:
        print(f"{arguments.file}: {prepared.things:,} {arguments.kind}, no faults", file=sys.stderr)
        return DONE
    return _post(arguments, key, prepared)


def prepare(data: bytes, arguments: Namespace, changed: int) -> Prepared:
    """The file made ready; `changed` is when it was last changed, in ms since the epoch."""
    kind = KINDS[arguments.kind]
    records, faults = read_records(data, kind.required, kind.optional)
    defaults = Defaults(
        at=arguments.at or format_time(changed),
        actor=arguments.actor,
        channel=arguments.channel,
        category=arguments.category,
        reason=arguments.reason,
        kind=arguments.customer_kind,
    )
    progress = Progress(f"checking {arguments.kind}", len(records), sys.stderr)
    prepared = kind.prepare(records, defaults, _now(), progress.add)
    progress.finish()
    if not faults:
        return prepared
    return Prepared(faults=sorted([*faults, *prepared.faults], key=lambda fault: fault.line))


def _tell_faults(file: Path, faults: Sequence[LineFault]) -> None:
    for fault in faults[:_MOST_FAULTS]:
        print(f"{file}: {fault}", file=sys.stderr)
    more = f", the first {_MOST_FAULTS} are told" if len(faults) > _MOST_FAULTS else ""
    many = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
    print(f"{many}{more}; nothing was posted", file=sys.stderr)


def _post(arguments: Namespace, key: str, prepared: Prepared) -> int:
    progress = Progress(arguments.kind, prepared.things, sys.stderr)
    try:
        asyncio.run(post_all(arguments.url, key, arguments.tenant, prepared.posts, progress.add))
    except Stopped as stopped:
        progress.finish()
        print(f"stopped: {stopped}\n{_AGAIN}", file=sys.stderr)
        return FAULTY
    except KeyboardInterrupt:
        progress.finish()
        print(f"stopped by hand\n{_AGAIN}", file=sys.stderr)
        return INTERRUPTED
    progress.finish()
    return DONE


_AGAIN = "Give the same command again to go on: what is stored already stays as it is."
