"""Requests as SNS and Twilio make them."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from deploy.local.signing import twilio_signature
from tests.system.client import Request
from tests.system.tenants import ACME, Tenant

PUBLIC_URL = "https://hooks.example.com"
"""Under which Twilio reaches the run: not its own address, as behind a proxy."""


def sns_request(envelope: Mapping[str, str], path: str) -> Request:
    """An SNS envelope as SNS posts it."""
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": envelope.get("Type", ""),
        "x-amz-sns-message-id": envelope.get("MessageId", ""),
        "x-amz-sns-topic-arn": envelope.get("TopicArn", ""),
    }
    return Request("POST", path, json.dumps(envelope).encode(), headers)


def twilio_request(
    form: Mapping[str, str],
    tenant: Tenant = ACME,
    *,
    query: str = "",
    token: str | None = None,
    path: str | None = None,
) -> Request:
    """A signed status callback; `query` is the sender's own query string with its question mark."""
    path = (path or f"/webhooks/twilio/{tenant.name}") + query
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": twilio_signature(token or tenant.token, PUBLIC_URL + path, form),
    }
    return Request("POST", path, urlencode(form).encode(), headers)
