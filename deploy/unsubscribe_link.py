"""`python -m deploy unsubscribe-link`: makes one signed unsubscribe link, to see how they look and to try them."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import get_args

from pydantic import ValidationError

from deploy.arguments import base_url
from runtime.tenants_file import open_tenants
from schemas.addresses import AddressFault
from schemas.registration_fields import Channel
from schemas.settings import PrepareSettings
from schemas.unsubscribe import UnsubscribeLink, link_headers, link_url, make_token

_DAY_S = 86_400
_MOST_DAYS = 36_500


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--url", type=base_url, required=True, help="base URL under which the mail's reader reaches ingest"
    )
    parser.add_argument("--tenant", required=True, help="name of the tenant in the tenants file")
    parser.add_argument("--address", required=True, help="the address that the mail goes to")
    parser.add_argument(
        "--category", required=True, help="what it no longer wants: notification or marketing"
    )
    parser.add_argument("--channel", default="email", choices=get_args(Channel), help="default: %(default)s")
    parser.add_argument("--sender", help="of text messages: opt out of this sender alone")
    parser.add_argument("--campaign", help="the mailing, for the audit log")
    parser.add_argument("--message-id", help="the message, where its id is known beforehand")
    parser.add_argument("--days", type=_days, help="days that the link works (default: for ever)")


def _days(given: str) -> float:
    """Days from now, up to a century. Raises ArgumentTypeError."""
    try:
        days = float(given)
    except ValueError:
        days = 0.0
    if not 0 < days <= _MOST_DAYS:
        raise ArgumentTypeError(f"expected a number of days, such as 30, got {given!r:.100}")
    return days


def print_link(settings: PrepareSettings, arguments: Namespace) -> int:
    """Prints the link and its two headers; the exit status is 2, and a line says why, where there can be none."""
    tenants = open_tenants(settings.tenants)
    secrets = tenants.current.unsubscribe_secrets.get(arguments.tenant)
    if not secrets:
        expected = "unsubscribe_secrets" if secrets is not None else "a tenant of that name"
        print(f"{settings.tenants}: {arguments.tenant}: expected {expected}", file=sys.stderr)
        return 2
    try:
        token = make_token(_link(arguments), secrets[0])
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(map(str, fault["loc"])).replace("_", "-")
            print(f"--{name}: {fault['msg']}", file=sys.stderr)
        return 2
    except AddressFault as fault:
        print(f"--address: {fault.expected}", file=sys.stderr)
        return 2
    url = link_url(arguments.url, token)
    print(url)
    for name, value in link_headers(url).items():
        print(f"{name}: {value}")
    return 0


def _link(arguments: Namespace) -> UnsubscribeLink:
    expires = None if arguments.days is None else int(time.time() + arguments.days * _DAY_S)
    return UnsubscribeLink(
        tenant=arguments.tenant,
        channel=arguments.channel,
        address=arguments.address,
        category=arguments.category,
        sender=arguments.sender,
        campaign=arguments.campaign,
        message_id=arguments.message_id,
        expires=expires,
    )
