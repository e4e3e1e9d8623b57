"""What SES and Twilio post, as small builders: complete in what matters to a test, with the documented shapes.

SES: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
Twilio: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import itertools
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Payload = dict[str, Any]

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.6.0"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"

_BASE = datetime.now(UTC) - timedelta(hours=3)
_NUMBERS = itertools.count(secrets.randbelow(10**6) * 1000)


def at(seconds: float) -> str:
    """A time of this test run: so many seconds after three hours ago, RFC 3339 with milliseconds."""
    moment = _BASE + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def new_id() -> str:
    """A message id in the form of SES's, never given twice."""
    return f"0102018f{uuid.uuid4().hex[:8]}-{uuid.uuid4()}-000000"


def new_sid() -> str:
    """A message id in the form of Twilio's, never given twice."""
    return "SM" + uuid.uuid4().hex


def new_address() -> str:
    """An address that no other message of the run has."""
    return f"person-{next(_NUMBERS)}@example.org"


def mail(
    message_id: str,
    recipients: list[str],
    sent: str,
    *,
    subject: str = "Class list",
    source: str = "Acme <acme@ses.example.com>",
    **tags: str,
) -> Payload:
    """The `mail` object that all events of one message share."""
    return {
        "timestamp": sent,
        "source": source,
        "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/ses.example.com",
        "sendingAccountId": "123456789012",
        "messageId": message_id,
        "destination": recipients,
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": source},
            {"name": "To", "value": ", ".join(recipients)},
            {"name": "Subject", "value": subject},
        ],
        "commonHeaders": {"from": [source], "to": recipients, "messageId": message_id, "subject": subject},
        "tags": {"ses:configuration-set": ["system"], **{name: [value] for name, value in tags.items()}},
    }


def send(m: Payload) -> Payload:
    """SES took the message. Send has no time of its own."""
    return {"eventType": "Send", "mail": m, "send": {}}


def delivery(m: Payload, when: str, *recipients: str) -> Payload:
    """A recipient's server took it; for all recipients where none are named."""
    return {
        "eventType": "Delivery",
        "mail": m,
        "delivery": {
            "timestamp": when,
            "processingTimeMillis": 546,
            "recipients": list(recipients or m["destination"]),
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": "mta.example.com",
        },
    }


def bounce(
    m: Payload,
    when: str,
    *recipients: str,
    kind: str = "Permanent",
    subtype: str = "General",
    status: str | None = "5.1.1",
    diagnostic: str | None = None,
) -> Payload:
    """Refused, or given up; `status` is the enhanced SMTP code of every recipient named (all of them by default)."""
    told: Payload = {"action": "failed"}
    if status is not None:
        told |= {"status": status, "diagnosticCode": diagnostic or f"smtp; 550 {status} no such user"}
    return {
        "eventType": "Bounce",
        "mail": m,
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": r} | told for r in recipients or m["destination"]],
            "timestamp": when,
            "feedbackId": secrets.token_hex(16),
            "reportingMTA": "dsn; mta.example.com",
        },
    }


def out_of_office(m: Payload, when: str, *recipients: str) -> Payload:
    """What SES makes of an out-of-office reply: Transient/General without a code."""
    return bounce(m, when, *recipients, kind="Transient", status=None)


def mailbox_full(m: Payload, when: str, *recipients: str) -> Payload:
    """Given up for now: the mailbox was full."""
    return bounce(m, when, *recipients, kind="Transient", subtype="MailboxFull", status="4.2.2")


def delay(m: Payload, when: str, *recipients: str) -> Payload:
    """Still trying."""
    return {
        "eventType": "DeliveryDelay",
        "mail": m,
        "deliveryDelay": {
            "timestamp": when,
            "delayType": "MailboxFull",
            "expirationTime": at(14 * 3600),
            "delayedRecipients": [
                {"emailAddress": r, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 over quota"}
                for r in recipients or m["destination"]
            ],
        },
    }


def complaint(
    m: Payload, when: str, *recipients: str, feedback: str = "abuse", subtype: str | None = None
) -> Payload:
    """Reported as spam."""
    return {
        "eventType": "Complaint",
        "mail": m,
        "complaint": {
            "complainedRecipients": [{"emailAddress": r} for r in recipients or m["destination"]],
            "timestamp": when,
            "feedbackId": secrets.token_hex(16),
            "complaintSubType": subtype,
            "complaintFeedbackType": feedback,
            "userAgent": "ExampleCorp Feedback Loop (V0.01)",
        },
    }


def open_(m: Payload, when: str, agent: str = PERSON) -> Payload:
    """Opened; SES names no recipient."""
    return {
        "eventType": "Open",
        "mail": m,
        "open": {"timestamp": when, "ipAddress": "192.0.2.1", "userAgent": agent},
    }


def click(m: Payload, when: str, link: str = "https://example.com/a") -> Payload:
    """A link was clicked; SES names no recipient."""
    return {
        "eventType": "Click",
        "mail": m,
        "click": {
            "timestamp": when,
            "ipAddress": "192.0.2.1",
            "userAgent": BROWSER,
            "link": link,
            "linkTags": None,
        },
    }


def reject(m: Payload) -> Payload:
    """SES found a virus."""
    return {"eventType": "Reject", "mail": m, "reject": {"reason": "Bad content"}}


def rendering_failure(m: Payload) -> Payload:
    """The template lacks a value. The type has a space, the object is called failure."""
    return {
        "eventType": "Rendering Failure",
        "mail": m,
        "failure": {"templateName": "welcome", "errorMessage": "Attribute 'name' is not present"},
    }


def subscription(m: Payload, when: str) -> Payload:
    """The recipient used SES's own unsubscribe page."""
    preferences = {
        "unsubscribeAll": False,
        "topicSubscriptionStatus": [{"topicName": "n", "subscriptionStatus": "OptOut"}],
    }
    return {
        "eventType": "Subscription",
        "mail": m,
        "subscription": {
            "contactList": "list",
            "timestamp": when,
            "source": "UnsubscribeHeader",
            "newTopicPreferences": preferences,
            "oldTopicPreferences": {**preferences, "topicSubscriptionStatus": []},
        },
    }


def feedback(payload: Payload) -> Payload:
    """The same fact as a feedback notification: notificationType instead of eventType, and no tags."""
    m = {name: value for name, value in payload["mail"].items() if name != "tags"}
    rest = {name: value for name, value in payload.items() if name not in ("eventType", "mail")}
    return {"notificationType": payload["eventType"], "mail": m, **rest}


def sms(sid: str, status: str, to: str, account: str, **more: str) -> Mapping[str, str]:
    """A status callback."""
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "To": to,
        "From": "+15005550006",
        "AccountSid": account,
        "ApiVersion": "2010-04-01",
        **more,
    }


def new_number() -> str:
    """A phone number that no other message of the run has."""
    return f"+1500{next(_NUMBERS) % 10**7:07d}"
