"""Findings from what became of the messages to an address."""

from collections.abc import Iterator, Sequence

from query.diagnosis.evidence import AddressEvidence, Senders
from query.diagnosis.findings import (
    Finding,
    Proof,
    Row,
    Severity,
    arrived,
    coded,
    named,
    on,
    seen_by_a_person,
    short,
)
from query.diagnosis.troubles import UNDER_WAY_MS, Trouble, trouble_of, why_of
from query.diagnosis.typos import MAILBOX_PROVIDERS
from schemas.addresses import domain_of
from schemas.times import parse_time

_PROOFS = 3
_SUBJECT = 100
"""Characters of a subject to search by."""
_OLD_MS = 30 * 86_400_000
"""Trouble that is older, and was followed by a message that arrived, is over."""


def never_sent(evidence: AddressEvidence) -> Iterator[Finding]:
    """There is no message at all."""
    if not evidence.messages:
        yield Finding(
            "never_sent",
            Severity.ERROR,
            "Nothing was ever sent to this address, as far as Waybill was told.",
            "Check that it is on the list of recipients, and that the application registers what it sends.",
        )


def troubles(evidence: AddressEvidence) -> Iterator[Finding]:
    """Each kind of trouble that messages met, in the order of the newest message that met it."""
    found: dict[str, tuple[Trouble, list[Row]]] = {}
    for row in evidence.messages:
        trouble = trouble_of(row, _age(evidence, row), organisation=is_organisation(evidence))
        if trouble and not _is_told_already(evidence, trouble):
            found.setdefault(trouble.code, (trouble, []))[1].append(row)
    arrival = next((parse_time(row["at"]) for row in evidence.messages if arrived(row)), None)
    for trouble, rows in found.values():
        newest = parse_time(rows[0]["at"])
        over = arrival is not None and arrival > newest
        if over and evidence.now - newest > _OLD_MS:
            continue
        yield _finding(evidence, trouble, rows, over=over)


def _finding(evidence: AddressEvidence, trouble: Trouble, rows: Sequence[Row], *, over: bool) -> Finding:
    until = (rows[0]["delay"] or {}).get("expires_at")
    newest, one = named(rows[0], evidence.zone), len(rows) == 1
    text = trouble.text.format(
        which=newest if one else f"{len(rows)} messages",
        were="was" if one else "were",
        latest="" if one else f", the latest {newest}",
        newest=newest,
        why=why_of(trouble, rows[0]),
    )
    text = text[0].upper() + text[1:]
    remedy = trouble.remedy.format(
        senders=exact_senders(evidence.senders, rows[0]),
        until=on(until, evidence.zone) if until else "after some days",
    )
    proofs = [_proof(row) for row in rows[:_PROOFS]]
    lasting = trouble.lasting and not over
    if over:
        text += " Later ones did arrive."
    elif reset := _reset_after(evidence, trouble, proofs[0].at or rows[0]["at"]):
        lasting = False
        text += f" That was before {reset['actor']} reset the address"
        text += "." if _is_before(reset["at"], evidence.messages[0]["at"]) else "; nothing was sent since."
        remedy = "Send again what is still wanted, and watch whether it arrives."
    return Finding(trouble.code, Severity.ERROR if lasting else Severity.WARNING, text, remedy, proofs)


_OF_STANDING = ("bounced", "invalid_number", "landline", "held_back")
"""What makes an address invalid, and what is held back for it."""


def _is_told_already(evidence: AddressEvidence, trouble: Trouble) -> bool:
    """What made the address invalid, and what was held back for it, the finding on its standing tells."""
    row = evidence.standing
    return row is not None and row["standing"] == "invalid" and trouble.code in _OF_STANDING


def _reset_after(evidence: AddressEvidence, trouble: Trouble, at: str) -> Row | None:
    """The reset that came after such trouble and set aside what it says of the address."""
    reset: Row | None = evidence.standing["reset"] if evidence.standing else None
    after = reset is not None and _is_before(at, reset["at"])
    return reset if after and trouble.code in _OF_STANDING else None


def _is_before(at: str, other: str) -> bool:
    return parse_time(at) < parse_time(other)


def _proof(row: Row) -> Proof:
    """The message's last word, as the provider gave it."""
    if row["status"] == "bounced":
        fact, told = "hard bounce", row["bounce"]
    elif row["gave_up"]:
        fact, told = "soft bounce", row["soft_bounce"]
    else:
        fact, told = "delayed", row["delay"] if row["status"] == "sent" else None
    if told:
        return Proof(told["at"], row["message_id"], coded(fact, told["code"]), told["diagnostic"])
    fact = ", ".join([row["status"], *([row["reason"].replace("_", " ")] if row["reason"] else [])])
    return Proof(row["updated_at"], row["message_id"], coded(fact, row["error_code"]), row["error"])


def not_seen(evidence: AddressEvidence) -> Iterator[Finding]:
    """The newest message that arrived was not seen by a person: where to look for it."""
    row = _newest_arrival(evidence)
    if row is None or seen_by_a_person(row) or row["status"] == "complained":
        return
    proof = Proof(row["delivered_at"], row["message_id"], "delivered")
    if evidence.channel == "sms":
        yield Finding(
            "delivered_to_handset",
            Severity.WARNING,
            f"{_begun(evidence, row)} was accepted by the handset.",
            f"Look among unknown, blocked and filtered senders of the messages app, for {row['sender'] or 'the sender'}.",
            [proof],
        )
        return
    yield Finding(
        "delivered_not_seen",
        Severity.WARNING,
        f"{_begun(evidence, row)} was accepted by the recipient’s server. Nobody is told what the filters and tabs behind it do.",
        _where_to_look(evidence, row),
        [proof],
    )
    yield _about_opens(row, proof)


def _where_to_look(evidence: AddressEvidence, row: Row) -> str:
    subject = f" and the subject “{short(row['subject'], _SUBJECT)}”" if row["subject"] else ""
    told = (
        "Look in spam, promotions and other tabs. Search by the exact sender "
        f"{exact_senders(evidence.senders, row)}{subject}. Add the sender to the safe senders."
    )
    if is_organisation(evidence):
        told += (
            " Where it is nowhere, ask the IT department to look into its quarantine and to allow the sender."
        )
    return told


def _about_opens(row: Row, proof: Proof) -> Finding:
    if row["tracking"] == "none":
        text = "Whether it was opened cannot be known: opens are not tracked for it."
    elif row["opens"] or row["clicks"]:
        text = "It was opened by a program, as mail privacy and security scanners do. Whether a person read it cannot be known."
    else:
        text = "That no open was seen may only mean that images are off: it may have been read all the same."
    return Finding("opens_tell_little", Severity.INFO, text, "Ask the recipient.", [proof])


def seen(evidence: AddressEvidence) -> Iterator[Finding]:
    """The newest message that arrived was opened by a person."""
    row = _newest_arrival(evidence)
    if row is None or not seen_by_a_person(row):
        return
    if row["channel"] == "sms":
        at, what = row["first_opened_at"], "it was read"
    elif row["first_human_clicked_at"]:
        at, what = row["first_human_clicked_at"], "a link in it was clicked"
    else:
        at, what = row["first_human_opened_at"], "it was opened"
    yield Finding(
        "seen",
        Severity.INFO,
        f"{_begun(evidence, row)} arrived, and {what} on {on(at, evidence.zone)}.",
        "Ask whether that was the recipient, and which message is meant.",
        [Proof(at, row["message_id"], row["status"])],
    )


def under_way(evidence: AddressEvidence) -> Iterator[Finding]:
    """The newest message has no final word yet."""
    row = evidence.messages[0] if evidence.messages else None
    if row is None or row["status"] not in ("sent", "queued") or row["gave_up"] or row["delay"]:
        return
    if _age(evidence, row) <= UNDER_WAY_MS:
        yield Finding(
            "under_way",
            Severity.INFO,
            f"{_begun(evidence, row)} is on its way: nothing final is known yet.",
            "Wait some minutes and look again.",
            [Proof(row["updated_at"], row["message_id"], row["status"])],
        )
    elif row["status"] == "sent":
        other = (
            "not every carrier reports deliveries"
            if row["channel"] == "sms"
            else "delivery events may be switched off"
        )
        yield Finding(
            "no_report",
            Severity.WARNING,
            f"{_begun(evidence, row)} was handed over, and nothing was reported since. "
            f"Whether it arrived, Waybill cannot know: {other}.",
            "Ask the recipient, and look whether other messages of that time were delivered.",
            [Proof(row["sent_at"] or row["at"], row["message_id"], row["status"])],
        )


def unknowable(evidence: AddressEvidence) -> Iterator[Finding]:
    """Where the knowledge of senders ends."""
    if evidence.channel == "email":
        text = (
            "Waybill cannot see folders, rules and forwarding behind the recipient’s server, nor with which address "
            "somebody logs in."
        )
    else:
        text = "Waybill cannot see the handset: whether it was on, and whether its owner blocks the sender."
    yield Finding("cannot_know", Severity.INFO, text, "Ask the recipient which address they use and look at.")


def is_organisation(evidence: AddressEvidence) -> bool:
    """Whether the domain is one of an organisation of its own, rather than a mailbox provider's."""
    return evidence.channel == "email" and domain_of(evidence.address) not in MAILBOX_PROVIDERS


def exact_senders(senders: Senders, row: Row) -> str:
    """The sender addresses for people to search by and to allow."""
    told = [
        f"{address} ({kind} mail)"
        for kind, address in (("transactional", senders.transactional), ("marketing", senders.marketing))
        if address
    ]
    own = row["sender"]
    if own and own.lower() not in {
        (address or "").lower() for address in (senders.transactional, senders.marketing)
    }:
        told.insert(0, own)
    return " or ".join(told) or "of the message"


def _begun(evidence: AddressEvidence, row: Row) -> str:
    words = named(row, evidence.zone)
    return words[0].upper() + words[1:]


def _newest_arrival(evidence: AddressEvidence) -> Row | None:
    return next((row for row in evidence.messages if arrived(row)), None)


def _age(evidence: AddressEvidence, row: Row) -> int:
    return evidence.now - parse_time(row["at"])
