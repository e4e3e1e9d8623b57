"""An issue report as plain text: to copy into a mail, and to keep as a file. Pure.

Whatever others wrote (subjects, diagnostics, the description) stays on its line and in its direction, so that none of it can
look like a part of the report.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from query.diagnosis import SEVERITIES, Severity
from query.moments import day, local, second
from schemas.providers import PROVIDERS

Item = Mapping[str, Any]

_WIDTH = 16
_UNRULY = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Control characters, line breaks of all kinds, and marks that turn the direction of what follows."""

_UNSAFE = re.compile(r"[^A-Za-z0-9@._+-]+")
_LONGEST_NAME = 80


def issue_text(document: Mapping[str, Any], tenant_name: str | None = None) -> str:
    """The text of a report that query/issue_report.py made, with the name of its tenant where that is known. All times in it
    are UTC: whoever reads it may be anywhere."""
    parts = (
        ("Issue report", _reported(document, tenant_name)),
        ("Message", _message(document)),
        *((f"Recipient {item['recipient']}", _recipient(item)) for item in _recipients(document)),
        ("Trail", _trail(document)),
        ("Address", _address(document["address"])),
        ("Diagnosis", _diagnosis(document["diagnosis"])),
        ("Last messages to this address", _list(document["messages"]) if not document["message"] else ()),
        ("Others at the domain", _domain(document["domain"])),
    )
    told = [(title, list(lines)) for title, lines in parts]
    return "\n".join(
        f"{_clean(title)}\n{'-' * len(_clean(title))}\n" + "".join(f"{line}\n" for line in lines)
        for title, lines in told
        if lines
    )


def file_name(name: str) -> str:
    """The name of its file, for what it is on."""
    safe = _UNSAFE.sub("_", name).strip("._")[:_LONGEST_NAME]
    return f"issue-report-{safe or 'message'}.txt"


def _reported(document: Mapping[str, Any], tenant_name: str | None) -> Iterator[str]:
    yield _line("Problem", document["problem"]["label"] if document["problem"] else "not said")
    yield from _lines(("Description", document["description"]))
    if tried := document["tried_address"]:
        yield _line("Another address", tried["given"])
        yield _under(_standing(tried))
        if last := tried["last_message"]:
            yield _under(f"last message {_moment(last['at'])}, {last['label']}: {_titled(last)}")
        else:
            yield _under("no message to it is known")
    yield _line("Made", _moment(document["made_at"]))
    tenant = document["tenant"]
    yield from _lines(("Tenant", f"{tenant_name} ({tenant})" if tenant_name and tenant else tenant))


def _message(document: Mapping[str, Any]) -> Iterator[str]:
    message = document["message"]
    if message is None:
        return
    moment = local(message["sent_at"] or message["at"], "UTC")
    yield _line("Date", day(moment))
    yield _line("Time", f"{moment:%H:%M:%S %Z}")
    yield from _lines(
        ("Channel", message["channel"]),
        ("Sender", message["sender"]),
        ("Subject", message["subject"]),
        ("Text", message["text"]),
        ("Method", message["method"]),
        ("Category", message["category"]),
        ("Campaign", message["campaign"]),
        ("Document", message["document"]),
        ("Customer", message["customer"]),
        ("Link", message["link"]),
        ("Tracking", message["tracking"]),
        ("Provider", PROVIDERS.get(message["provider"], message["provider"])),
        ("Provider’s id", message["message_id"]),
    )


def _recipients(document: Mapping[str, Any]) -> Sequence[Item]:
    return document["messages"] if document["message"] else ()


def _recipient(item: Item) -> Iterator[str]:
    yield from _lines(
        ("As given", item["recipient_as_given"]),
        ("Domain", item["recipient"].rpartition("@")[2] if "@" in item["recipient"] else None),
        ("Status", _status(item)),
        ("Reason", item["reason"]),
        ("Sent", _moment(item["sent_at"])),
        ("Delivered", _moment(item["delivered_at"])),
        ("First opened", _moment(item["first_opened_at"])),
        ("First clicked", _moment(item["first_clicked_at"])),
        ("Opens, clicks", f"{item['opens']}, {item['clicks']}" if item["opens"] or item["clicks"] else None),
        ("Error", " ".join(filter(None, (item["error_code"], item["error"])))),
    )
    for name, told in (
        ("Bounce", item["bounce"]),
        ("Soft bounce", item["soft_bounce"]),
        ("Delay", item["delay"]),
    ):
        if told:
            yield _line(name, _told(told))


def _status(item: Item) -> str:
    """Its label, with the code where the tenant calls it something else."""
    label, status = item["label"], item["status"]
    return label if label.lower() == status else f"{label} ({status})"


def _trail(document: Mapping[str, Any]) -> Iterator[str]:
    if document["message"] and not document["events"]:
        yield "No event of it is kept."
    for event in document["events"]:
        whom = f" {event['recipient']}" if event["recipient"] else ""
        machine = f" (a machine: {event['machine_reason']})" if event["machine"] else ""
        yield _clean(f"{_moment(event['at'])}  {event['outcome'].replace('_', ' ')}{whom}{machine}")
        yield _under(f"event {event['event_id']}, received {_moment(event['received_at'])}")
        if event["detail"]:
            yield _under(_told(event["detail"]))
    unattributed = document["unattributed"]
    if unattributed and any(unattributed.values()):
        yield _line(
            "Of nobody in particular", f"opens {unattributed['opens']}, clicks {unattributed['clicks']}"
        )


def _address(address: Mapping[str, Any] | None) -> Iterator[str]:
    if address is None:
        return
    yield from _lines(
        ("Address", address["address"]),
        ("Domain", address["address"].rpartition("@")[2] if "@" in address["address"] else None),
        ("Standing", _standing(address)),
        ("Said", address["diagnostic"]),
        ("Hint", address["hint"]),
        ("Reset", _told(address["reset"]) if address["reset"] else None),
        ("Customers", ", ".join(address["customers"])),
    )
    for category, consent in address["consent"].items():
        yield _line("Consent", f"{category}: {_consented(consent)}")
    for sender, by_category in address["consent_by_sender"].items():
        for category, consent in by_category.items():
            yield _line("Consent", f"{category} of {sender}: {_consented(consent)}")
    if not address["consent"]:
        yield _line("Consent", "none on record")


def _standing(thing: Mapping[str, Any]) -> str:
    told = (thing["standing"], (thing["reason"] or "").replace("_", " "), _since(thing["since"]))
    return ", ".join(filter(None, told))


def _consented(consent: Mapping[str, Any]) -> str:
    return f"{consent['state']} {_since(consent['since'])}, source {consent['source']}, by {consent['actor']}"


def _diagnosis(diagnosis: Mapping[str, Any] | None) -> Iterator[str]:
    for number, finding in enumerate(diagnosis["findings"] if diagnosis else ()):
        if number:
            yield ""
        yield _clean(f"{SEVERITIES[Severity(finding['severity'])]}: {finding['text']}")
        yield _under(f"What to do: {finding['remedy']}")
        if finding["evidence"]:
            yield _under("Evidence:")
        for proof in finding["evidence"]:
            at = f"{_moment(proof['at'])}: " if proof["at"] else ""
            of = f", message {proof['message_id']}" if proof["message_id"] else ""
            said = f", “{proof['said']}”" if proof["said"] else ""
            yield _under(f"- {at}{proof['fact']}{of}{said}")
    if diagnosis and diagnosis["suggestion"]:
        yield ""
        yield _line("Suggestion", diagnosis["suggestion"])


def _list(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield _clean(
            f"{_moment(item['at'])}  {item['label']}: {_titled(item)}, from {item['sender'] or 'unknown'}"
        )
        yield _under(f"id {item['message_id']}")


def _domain(domain: Mapping[str, Any] | None) -> Iterator[str]:
    if domain is None:
        return
    counts = [f"{name.replace('_', ' ')} {many}" for name, many in domain["counts"].items() if many]
    others = "1 other" if domain["addresses"] == 1 else f"{domain['addresses']} others"
    yield _line(f"Within {domain['days']} days", ", ".join([others, *counts]))
    for item in domain["others"]:
        cause = (item["bounce"] or item["soft_bounce"] or {}).get("cause")
        why = f" ({cause})" if cause else ""
        yield _clean(f"{_moment(item['at'])}  {item['recipient']}  {item['label']}{why}: {_titled(item)}")


def _titled(item: Item) -> str:
    return item["subject"] or item["text"] or "no subject"


def _told(thing: Mapping[str, Any]) -> str:
    """An object's members that are there."""
    members = ((name, value) for name, value in thing.items() if value is not None)
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}"
        for name, value in members
    )


def _since(at: str | None) -> str:
    return f"since {_moment(at)}" if at else ""


def _moment(at: str | None) -> str:
    """To the second, to be found in logs of servers."""
    return second(local(at, "UTC")) if at else ""


def _lines(*told: tuple[str, str | None]) -> Iterator[str]:
    for name, value in told:
        if value:
            yield _line(name, value)


def _line(name: str, value: str) -> str:
    return f"{_clean(name) + ':':<{_WIDTH}} {_clean(value)}"


def _under(value: str) -> str:
    """A line that belongs to the one before."""
    return f"    {_clean(value)}"


def _clean(text: str) -> str:
    return _UNRULY.sub(" ", text).strip()
