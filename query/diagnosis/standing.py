"""Findings from the standing of an address."""

from collections.abc import Iterator
from urllib.parse import quote

from query.diagnosis.evidence import AddressEvidence
from query.diagnosis.findings import Finding, Proof, Row, Severity, coded, on
from query.diagnosis.troubles import why
from schemas.standing import IMPORTED, Reason

_RESET = "reset the address with your name and the reason{by}"
_OTHER_NUMBER = f"Ask for a mobile number. If this one is right after all, {_RESET}."

_SUPPRESSED: dict[str, tuple[str, str]] = {
    Reason.HARD_BOUNCE: (
        "This address has been suppressed since {since}: a message to it was refused for good{why}.",
        f"Ask the recipient for the right address and correct it. If this one works again, {_RESET}.",
    ),
    Reason.COMPLAINT: (
        "This address has been suppressed since {since}, for all but transactional messages: its owner reported one as spam.",
        f"Respect it. If it was a slip and the owner asks for messages again, {_RESET}.",
    ),
    Reason.PROVIDER_SUPPRESSED: (
        "This address has been suppressed since {since}: the provider has it on a suppression list of its own{why}.",
        f"Find out why it was put there. Once the cause is gone, {_RESET}.",
    ),
    Reason.REPEATED_SOFT_BOUNCES: (
        "This address has been suppressed since {since}: {row} messages in a row could not be delivered{why}.",
        f"Ask the recipient to see to the mailbox, or for another address. Once it takes mail again, {_RESET}.",
    ),
    Reason.INVALID_NUMBER: (
        "This number has been suppressed since {since}: it is not a valid mobile number, or no longer in service.",
        f"Check the number with its owner, country code included. If it is right after all, {_RESET}.",
    ),
    Reason.LANDLINE: (
        "This number has been suppressed since {since}: it is a landline, which cannot receive text messages.",
        _OTHER_NUMBER,
    ),
    Reason.UNREACHABLE_CARRIER: (
        "This number has been suppressed since {since}: it is a landline, or of a carrier that cannot be reached.",
        _OTHER_NUMBER,
    ),
}


def suppressed(evidence: AddressEvidence) -> Iterator[Finding]:
    """The address is invalid: why, since when, and how to reset it."""
    row = evidence.standing
    if row is None or row["standing"] != "invalid":
        return
    text, remedy = _SUPPRESSED[row["reason"]]
    # A row of which the latest messages arrived is over, and the address invalid all the same.
    in_a_row = max(row["soft_bounces_in_a_row"], evidence.soft_bounce_limit)
    told = text.format(since=on(row["since"], evidence.zone), why=why(row["cause"]), row=in_a_row)
    if row["cause"] == IMPORTED:
        told += " So says a list of another system, which was brought in here."
    also = [reason for reason in row["reasons"] if reason != row["reason"]]
    if also:
        told += f" Besides: {', '.join(also).replace('_', ' ')}."
    remedy = remedy.format(by=by_reset(evidence.address))
    yield Finding(
        f"suppressed_{row['reason']}",
        Severity.ERROR,
        told,
        f"{remedy} {row['hint']}" if row["hint"] else remedy,
        [_proof(row)],
    )


def by_reset(address: str) -> str:
    """How a remedy says that an address is reset, for those who have no page in front of them that does it."""
    return f", from the log or by POST /v1/addresses/{quote(address, safe='@+')}/reset"


def _proof(row: Row) -> Proof:
    fact = coded(row["reason"].replace("_", " "), row["code"])
    return Proof(row["since"], row["message_id"], fact, row["diagnostic"])


def soft_bouncing(evidence: AddressEvidence) -> Iterator[Finding]:
    """Some messages in a row gave up after a soft bounce, and not yet so many that the address is invalid."""
    row = evidence.standing
    if row is None or row["standing"] == "invalid" or not row["soft_bounces_in_a_row"]:
        return
    bounce, count = row["soft_bounce"], row["soft_bounces_in_a_row"]
    yield Finding(
        "soft_bouncing",
        Severity.WARNING,
        f"{'The latest message' if count == 1 else f'The latest {count} messages in a row'} could not be delivered for now"
        f"{why(bounce['cause'])}. After {evidence.soft_bounce_limit} in a row the address is no longer written to.",
        "Ask the recipient to see to the mailbox, or for another address.",
        [
            Proof(
                bounce["at"], bounce["message_id"], coded("soft bounce", bounce["code"]), bounce["diagnostic"]
            )
        ],
    )


def on_the_providers_list(evidence: AddressEvidence) -> Iterator[Finding]:
    """Valid here, and still on the provider's list."""
    row = evidence.standing
    if row is not None and row["standing"] != "invalid" and row["hint"]:
        yield Finding(
            "on_the_providers_list",
            Severity.ERROR,
            "The address is valid here, but the provider may still have it on a suppression list of its own and attempt nothing.",
            row["hint"],
        )


def was_reset(evidence: AddressEvidence) -> Iterator[Finding]:
    """Staff reset the address."""
    row = evidence.standing
    if row is None or row["standing"] == "invalid" or not row["reset"]:
        return
    reset = row["reset"]
    lifted = f" It had been invalid: {reset['lifted'].replace('_', ' ')}." if reset.get("lifted") else ""
    yield Finding(
        "was_reset",
        Severity.INFO,
        f"{reset['actor']} reset this address on {on(reset['at'], evidence.zone)}.{lifted}",
        "What was not sent before the reset is not sent by itself: send again what is still wanted.",
        [Proof(reset["at"], None, f"reset by {reset['actor']}", reset["reason"])],
    )
