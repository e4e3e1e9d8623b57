"""Figures of a page as numbers, and the question to the API that a link of a page is."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from query.console.wording import percent
from tests.system.stack import Stack

_LOGS = {"/email-log": {"channel": "email"}, "/sms-log": {"channel": "sms"}}


def number_of(text: str) -> int:
    """The first whole number in a text, such as 12 345."""
    found = re.search(r"\d[\d\N{NARROW NO-BREAK SPACE}]*", text)
    assert found, text
    return int(found.group().replace("\N{NARROW NO-BREAK SPACE}", ""))


def rate_shown(rate: float | None) -> str:
    """How a page shows a rate."""
    return "–" if rate is None else percent(rate)


def question_of(href: str) -> dict[str, str]:
    """The parameters of GET /v1/messages that find what a link to a log, or to a mailing's recipients, shows."""
    url = urlsplit(href)
    asked = dict(parse_qsl(url.query, keep_blank_values=True))
    if url.path in _LOGS:
        return _LOGS[url.path] | asked
    campaign = re.fullmatch(r"/campaigns/(.+)/recipients", url.path)
    assert campaign, href
    return {"campaign": unquote(campaign.group(1))} | asked


def rows_behind(stack: Stack, href: str, key: str) -> list[dict[str, Any]]:
    """The messages that a link leads to, as the API has them."""
    parameters: Mapping[str, Any] = question_of(href) | {"limit": "500"}
    return stack.items("/v1/messages", key, **parameters)
