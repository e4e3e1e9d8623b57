"""Findings from what the owner of an address agreed to."""

from collections.abc import Iterator

from query.diagnosis.evidence import AddressEvidence
from query.diagnosis.findings import Finding, Proof, Row, Severity, on
from schemas.consent import EVERY_CATEGORY, OUT, TRANSACTIONAL

_KINDS = {"marketing": "marketing messages", "notification": "notifications", EVERY_CATEGORY: "everything"}


def opted_out(evidence: AddressEvidence) -> Iterator[Finding]:
    """Each opt-out that holds: of what, when and by whom. Transactional messages always go out."""
    for row in evidence.consents:
        if row["state"] != OUT or row["category"] == TRANSACTIONAL:
            continue
        kind = _KINDS.get(row["category"], row["category"])
        sender = f" from {row['sender']}" if row["sender"] else ""
        stopped = row["category"] == EVERY_CATEGORY
        yield Finding(
            "opted_out",
            Severity.ERROR if stopped else Severity.WARNING,
            f"Opted out of {kind}{sender} on {on(row['since'], evidence.zone)}, {_by(row)}."
            + ("" if stopped else " Transactional messages are not affected."),
            "The recipient can text START to that number." if stopped else _OPT_IN,
            [_proof(row)],
        )


_OPT_IN = "If the recipient wants them again: they opt in themselves, or staff does with evidence of what they said or wrote."


def _by(row: Row) -> str:
    match row["source"]:
        case "customer":
            method = (row["evidence"] or {}).get("method")
            return {
                "link": "by themselves through an unsubscribe link",
                "portal": "by themselves in the portal",
            }.get(method or "", "by themselves")
        case "staff":
            return f"by {row['actor']} on their behalf"
        case "import":
            return f"as imported by {row['actor']}"
        case "ses":
            return "by themselves, as Amazon SES reported"
        case _:
            return "by a text message such as STOP, as Twilio reported"


def _proof(row: Row) -> Proof:
    evidence = row["evidence"] or {}
    words = [part for part in (evidence.get("wording"), evidence.get("reference"), row["reason"]) if part]
    fact = f"opted out of {_KINDS.get(row['category'], row['category'])}, source {row['source']}, by {row['actor']}"
    return Proof(row["since"], row["message_id"], fact, "; ".join(words) or None)


def no_opt_in(evidence: AddressEvidence) -> Iterator[Finding]:
    """Nothing is on record about a category that the tenant asks an opt-in for, and no such message was sent either.

    START is none: it lifts a STOP, and opts in to nothing.
    """
    told = {
        row["category"]
        for row in evidence.consents
        if row["state"] == OUT or row["category"] != EVERY_CATEGORY
    }
    sent = {row["category"] for row in evidence.messages if "sent" in row["reached"]}
    missing = [_KINDS[one] for one in evidence.needs_opt_in if one not in told | sent]
    if missing and EVERY_CATEGORY not in told:
        yield Finding(
            "no_opt_in",
            Severity.INFO,
            f"No opt-in to {' or '.join(missing)} is on record: whoever asks Waybill before sending is told to skip it.",
            _OPT_IN,
        )
