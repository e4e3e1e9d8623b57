"""What goes wrong with messages, by kind: how to see it, how to tell it, and what to do about it; and why, in plain words."""

from dataclasses import dataclass

from query.diagnosis.findings import Row


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of trouble. `text` tells {which} message {were} so, or how many and the {latest} of them; {newest} names it in
    any case, and {why} tells why where that is known. `lasting` ones keep everything away until they are mended, the others
    pass or have passed."""

    code: str
    text: str
    remedy: str
    lasting: bool = False


_ALLOW = "{senders}"
_PROVE = "Check that SPF, DKIM and DMARC of the sending domain are in order."

TROUBLES: dict[str, Trouble] = {
    trouble.code: trouble
    for trouble in (
        Trouble(
            "failed",
            "{which} failed before going out{latest}.",
            "Mend the error that the evidence names, then send again.",
            lasting=True,
        ),
        Trouble(
            "rejected",
            "{which} {were} refused by the sending provider before delivery{latest}.",
            "Read the provider’s reason and change the content, then send again.",
            lasting=True,
        ),
        Trouble(
            "blocked_by_organisation",
            "{which} {were} blocked by the recipient’s organisation{latest}.",
            f"Ask their IT department to allow the sender {_ALLOW}. {_PROVE}",
            lasting=True,
        ),
        Trouble(
            "blocked_by_provider",
            "{which} {were} blocked by the recipient’s mailbox provider as unwanted{latest}.",
            f"Ask the recipient to add {_ALLOW} to the safe senders. {_PROVE}",
            lasting=True,
        ),
        Trouble(
            "sender_blocklisted",
            "{which} {were} refused because the sending server was on a blocklist{latest}.",
            "Tell whoever runs the sending: the server’s address must be taken off the list that the evidence names.",
            lasting=True,
        ),
        Trouble(
            "bounced",
            "{which} {were} refused for good by the recipient’s server{latest}.",
            "Ask the recipient for the right address and correct it.",
            lasting=True,
        ),
        Trouble(
            "carrier_filtered",
            "{which} {were} filtered by the carrier{latest}. Carriers do not tell why.",
            "Change the wording, leave out shortened links, and check that the sender is registered with the carriers.",
            lasting=True,
        ),
        Trouble(
            "landline",
            "{which} {were} not delivered{latest}: a landline, or a carrier that cannot be reached.",
            "Ask for a mobile number.",
            lasting=True,
        ),
        Trouble(
            "invalid_number",
            "{which} {were} not delivered because the number is not valid or no longer in service{latest}.",
            "Check the number with its owner, country code included.",
            lasting=True,
        ),
        Trouble(
            "sender_not_registered",
            "{which} {were} not delivered{latest}: the sender’s number is not registered with the carriers.",
            "Register the sending number (in the United States: A2P 10DLC), then send again.",
            lasting=True,
        ),
        Trouble(
            "content_refused",
            "{which} {were} refused because of content or size{latest}. The address may be fine.",
            "Send it smaller, without its attachment, or with other words.",
        ),
        Trouble(
            "mailbox_full",
            "{which} {were} given up because the mailbox is full{latest}.",
            "Ask the recipient to make room, then send again.",
        ),
        Trouble(
            "rate_limited",
            "{which} {were} given up because the recipient’s server takes no more at once{latest}.",
            "Send again later, and more slowly to this domain.",
        ),
        Trouble(
            "handset_off",
            "{which} {were} not delivered because the handset was off or out of reach{latest}.",
            "Send again later.",
        ),
        Trouble(
            "gave_up",
            "{which} {were} given up by the provider after some tries{latest}{why}. The address may be fine.",
            "Read the server’s words in the evidence, and send again later.",
        ),
        Trouble(
            "provider_fault",
            "{which} {were} not sent because the provider was overloaded or had a fault{latest}.",
            "Send again later.",
        ),
        Trouble(
            "undelivered",
            "{which} {were} not delivered by the carrier{latest}. Carriers often do not tell why.",
            "Check the number, that the handset is on and has room, and send again.",
        ),
        Trouble(
            "still_trying",
            "The provider is still trying to deliver {newest}{why}.",
            "Wait: it stops trying {until}.",
        ),
        Trouble(
            "not_handed_on",
            "{which} {were} registered, or accepted by the provider, and nothing was reported since{latest}.",
            "Look whether sending has stopped, and whether the provider’s reports reach Waybill.",
        ),
        Trouble(
            "skipped",
            "{which} {were} never attempted{latest}: the address had opted out, or not in.",
            "See how its consent stands now. Unless it is in again, the recipient opts in, or staff does with evidence; then "
            "send what is still wanted.",
        ),
        Trouble(
            "held_back",
            "{which} {were} never attempted because the address was suppressed{latest}.",
            "Once the address is valid again, send again what is still wanted.",
        ),
        Trouble(
            "canceled",
            "{which} {were} withdrawn before an attempt{latest}.",
            "Send again if it is still wanted.",
        ),
    )
}

_BY_CODE = {
    "21211": "invalid_number",
    "21614": "invalid_number",
    "30005": "invalid_number",
    "21635": "landline",
    "30006": "landline",
    "30001": "provider_fault",
    "30003": "handset_off",
    "30004": "carrier_filtered",
    "30007": "carrier_filtered",
    "30034": "sender_not_registered",
    "30500": "provider_fault",
}
"""Twilio's error codes (https://www.twilio.com/docs/api/errors) that say more than the status does."""

_BY_CAUSE = {
    "blocked": "blocked",
    "blocklisted_ip": "sender_blocklisted",
    "content": "content_refused",
    "full": "mailbox_full",
    "rate_limited": "rate_limited",
}

_BY_STATUS = {
    "failed": "failed",
    "rejected": "rejected",
    "undelivered": "undelivered",
    "skipped": "skipped",
    "invalid": "held_back",
    "canceled": "canceled",
}

UNDER_WAY_MS = 3_600_000
"""So long a message may be under way without anybody wondering."""


def trouble_of(row: Row, age_ms: int, *, organisation: bool) -> Trouble | None:
    """What is wrong with a message of that age; None where nothing is. `organisation`: the domain is no mailbox provider's."""
    code = _code_of(row, age_ms)
    if code == "blocked":
        code = "blocked_by_organisation" if organisation else "blocked_by_provider"
    return TROUBLES[code] if code else None


def _code_of(row: Row, age_ms: int) -> str | None:
    status = row["status"]
    if status == "bounced":
        return _BY_CAUSE.get(row["bounce"]["cause"] or "", "bounced") if row["bounce"] else "bounced"
    if status == "sent" and row["gave_up"]:
        return _BY_CAUSE.get(row["soft_bounce"]["cause"] or "", "gave_up")
    if status == "sent" and row["delay"]:
        return "still_trying"
    if status == "queued" and age_ms > UNDER_WAY_MS:
        return "not_handed_on"
    if status in ("failed", "rejected", "undelivered") and row["channel"] == "sms":
        return _BY_CODE.get(row["error_code"] or "", _BY_STATUS[status])
    return _BY_STATUS.get(status)


CAUSES = {
    "mailbox": "there is no such mailbox",
    "domain": "the domain does not exist or takes no mail",
    "blocked": "it was blocked as spam or by a policy",
    "blocklisted_ip": "the sending server was on a blocklist",
    "rate_limited": "too much was sent at once",
    "content": "its content or size was not accepted",
    "full": "the mailbox is full",
    "server": "the recipient’s server has a fault",
    "suppressed_after_bounce": "after a bounce",
    "suppressed_after_complaint": "after a complaint",
}
"""Causes of bounces and of suppressions, in words that go on after a colon."""

DELAYS = {
    "InternalFailure": "the provider has a fault",
    "MailboxFull": "the mailbox is full",
    "SpamDetected": "the recipient’s server takes much of what the sender sends for spam",
    "RecipientServerError": "the recipient’s server has a fault",
    "IPFailure": "the recipient’s server blocks or slows down the sending server",
    "TransientCommunicationFailure": "the recipient’s server cannot be reached well",
    "BYOIPHostNameLookupUnavailable": "the name of the sending server cannot be looked up",
    "SendingDeferral": "the provider itself holds it back for a while",
}
"""SES's types of delays that say why:
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html"""


def why(cause: str | None) -> str:
    """The cause of a bounce or a suppression behind a colon, or nothing where it is not known."""
    return f": {CAUSES[cause]}" if cause in CAUSES else ""


def why_of(trouble: Trouble, row: Row) -> str:
    """The cause of that trouble of a message behind a colon, or nothing where it is not known."""
    if trouble.code == "still_trying":
        told = DELAYS.get(row["delay"]["type"] or "")
        return f": {told}" if told else ""
    return why(row["soft_bounce"]["cause"]) if trouble.code == "gave_up" else ""
