"""Payloads as SES and Twilio post them, complete ones: every member that the documentation's examples have.

SES: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
Twilio: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr
from typing import Any, Final

from schemas.times import format_time

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
CONFIGURATION_SET: Final = "waybill-events"

_REMOTE_MTA: Final = "192.0.2.25"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as SES describes it in each of its events. `sent_at` is in ms since the epoch."""

    message_id: str
    sent_at: int
    sender_name: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    tags: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The member `mail`."""
        sender, to = formataddr((self.sender_name, self.sender)), ", ".join(self.recipients)
        domain = self.sender.rpartition("@")[2]
        headers = {
            "Received": f"from app-1.{domain} (app-1.{domain} [198.51.100.17]) by email-smtp.amazonaws.com"
            f" with SMTP (SimpleEmailService-d-{self.message_id[:9].upper()})"
            f" id {self.message_id[20:40]} for {self.recipients[0]}; {_date(self.sent_at)}",
            "Date": _date(self.sent_at),
            "From": sender,
            "Reply-To": f"office@{domain}",
            "To": to,
            "Message-ID": f"<{self.message_id[-20:]}@app-1.{domain}>",
            "Subject": self.subject,
            "MIME-Version": "1.0",
            "Content-Type": 'multipart/alternative; boundary="----=_Part_27_1461271913.1763804897123"',
            "List-Unsubscribe": f"<https://{domain}/u/{self.message_id[-24:]}>, <mailto:out@{domain}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-SES-CONFIGURATION-SET": CONFIGURATION_SET,
        }
        return {
            "timestamp": format_time(self.sent_at),
            "source": sender,
            "sourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{domain}",
            "sendingAccountId": ACCOUNT,
            "messageId": self.message_id,
            "destination": list(self.recipients),
            "headersTruncated": False,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "commonHeaders": {
                "from": [sender],
                "replyTo": [f"office@{domain}"],
                "date": _date(self.sent_at),
                "to": [to],
                "messageId": self.message_id,
                "subject": self.subject,
            },
            "tags": {
                "ses:source-tls-version": ["TLSv1.3"],
                "ses:operation": ["SendSmtpEmail"],
                "ses:configuration-set": [CONFIGURATION_SET],
                "ses:outgoing-tls-version": ["TLSv1.3"],
                "ses:source-ip": ["198.51.100.17"],
                "ses:from-domain": [domain],
                "ses:caller-identity": ["waybill-sender"],
                "ses:outgoing-ip": ["203.0.113.41"],
                **{name: [value] for name, value in self.tags.items()},
            },
        }


def sent(mail: Mail) -> dict[str, Any]:
    """Send: SES took the message and will try to deliver it."""
    return {"eventType": "Send", "mail": mail.document(), "send": {}}


def delivered(mail: Mail, at: int, recipient: str) -> dict[str, Any]:
    """Delivery: the recipient's server accepted it at `at` (ms since the epoch)."""
    delivery = {
        "timestamp": format_time(at),
        "processingTimeMillis": max(1, at - mail.sent_at),
        "recipients": [recipient],
        "smtpResponse": f"250 2.0.0 OK  {at // 1000} {mail.message_id[-20:]}.{at % 1000} - gsmtp",
        "remoteMtaIp": _REMOTE_MTA,
        "reportingMTA": "a7-41.smtp-out.eu-west-1.amazonses.com",
    }
    return {"eventType": "Delivery", "mail": mail.document(), "delivery": delivery}


def delayed(mail: Mail, at: int, recipient: str, kind: str, status: str, diagnostic: str) -> dict[str, Any]:
    """DeliveryDelay of that `delayType`: SES goes on trying for some hours."""
    delay = {
        "timestamp": format_time(at),
        "delayType": kind,
        "expirationTime": format_time(mail.sent_at + 14 * 3_600_000),
        "delayedRecipients": [{"emailAddress": recipient, "status": status, "diagnosticCode": diagnostic}],
        "reportingMTA": "a7-41.smtp-out.eu-west-1.amazonses.com",
    }
    return {"eventType": "DeliveryDelay", "mail": mail.document(), "deliveryDelay": delay}


def bounced(
    mail: Mail, at: int, recipient: str, kind: str, subtype: str, status: str, diagnostic: str
) -> dict[str, Any]:
    """Bounce of that `bounceType` and `bounceSubType`; without a `status` there was no report."""
    report = {"action": "failed", "status": status, "diagnosticCode": diagnostic} if status else {}
    bounce = {
        "feedbackId": _feedback_id(mail, at),
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": recipient} | report],
        "timestamp": format_time(at),
        "remoteMtaIp": _REMOTE_MTA,
        "reportingMTA": "dns; a7-41.smtp-out.eu-west-1.amazonses.com",
    }
    return {"eventType": "Bounce", "mail": mail.document(), "bounce": bounce}


def complained(mail: Mail, at: int, recipient: str, subtype: str | None = None) -> dict[str, Any]:
    """Complaint: reported as spam; OnAccountSuppressionList: was not even attempted for an earlier one."""
    complaint = {
        "feedbackId": _feedback_id(mail, at),
        "complaintSubType": subtype,
        "complainedRecipients": [{"emailAddress": recipient}],
        "timestamp": format_time(at),
        "userAgent": "ReturnPathFeedbackLoop/2.0",
        "complaintFeedbackType": "abuse",
        "arrivalDate": format_time(at),
    }
    return {"eventType": "Complaint", "mail": mail.document(), "complaint": complaint}


def opened(mail: Mail, at: int, user_agent: str, ip: str) -> dict[str, Any]:
    """Open: the tracking pixel was fetched."""
    fetched = {"timestamp": format_time(at), "userAgent": user_agent, "ipAddress": ip}
    return {"eventType": "Open", "mail": mail.document(), "open": fetched}


def clicked(mail: Mail, at: int, user_agent: str, ip: str, link: str) -> dict[str, Any]:
    """Click: that link was followed."""
    click = {
        "timestamp": format_time(at),
        "userAgent": user_agent,
        "ipAddress": ip,
        "link": link,
        "linkTags": None,
    }
    return {"eventType": "Click", "mail": mail.document(), "click": click}


def rejected(mail: Mail) -> dict[str, Any]:
    """Reject: SES found a virus in it."""
    return {"eventType": "Reject", "mail": mail.document(), "reject": {"reason": "Bad content"}}


def rendering_failed(mail: Mail, template: str, error: str) -> dict[str, Any]:
    """Rendering Failure: the template lacked a value."""
    failure = {"templateName": template, "errorMessage": error}
    return {"eventType": "Rendering Failure", "mail": mail.document(), "failure": failure}


def sms_status(
    account: str, sid: str, status: str, to: str, sender: str, error: tuple[str, str] | None
) -> dict[str, str]:
    """A status callback's form; `error` is Twilio's code and message."""
    form = {
        "AccountSid": account,
        "ApiVersion": "2010-04-01",
        "From": sender,
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": to,
    }
    return form if error is None else form | {"ErrorCode": error[0], "ErrorMessage": error[1]}


def sms_inbound(account: str, sid: str, sender: str, to: str, body: str, opt_out: str) -> dict[str, str]:
    """The form of an inbound message; `opt_out` is the OptOutType of Advanced Opt-Out."""
    return {
        "AccountSid": account,
        "ApiVersion": "2010-04-01",
        "Body": body,
        "From": sender,
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "OptOutType": opt_out,
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": to,
    }


def _date(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at // 1000, UTC))


def _feedback_id(mail: Mail, at: int) -> str:
    return f"{at:016x}-{mail.message_id[17:53]}-000000"
