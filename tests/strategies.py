"""Hypothesis strategies for events and for payloads of every kind, also absurd ones."""

from typing import Any

import orjson
from hypothesis import strategies as st

from schemas.envelope import Envelope
from schemas.events import Descriptors, Event, event_identity
from schemas.status import SUPPORTS, Outcome
from tests.cases import RECEIVED_AT, TENANT, cases, ses, twilio

FOLDING = [outcome for outcome, status in SUPPORTS.items() if status is not None]
_SENT_AT = RECEIVED_AT - 4 * 3_600_000

_WORDS = st.sampled_from([None, "a", "b", "spring", "x" * 2000])
_BOUNCE_LABELS = st.sampled_from(
    [("Transient", "General"), ("Transient", "MailboxFull"), ("Undetermined", "Undetermined")]
)


@st.composite
def descriptors(draw: st.DrawFn) -> Descriptors:
    """What an event says of its message, some of it or nothing."""
    return Descriptors(
        sender=draw(_WORDS),
        subject=draw(_WORDS),
        campaign=draw(_WORDS),
        customer=draw(_WORDS),
        text=draw(_WORDS),
    )


@st.composite
def events(draw: st.DrawFn, outcomes: list[Outcome] = FOLDING) -> Event:
    """An event of one and the same message and recipient. Times are few, so that they meet."""
    outcome = draw(st.sampled_from(outcomes))
    timed = draw(st.booleans())
    provider = draw(st.sampled_from(["ses", "ses", "app"]))
    received_at = RECEIVED_AT + draw(st.integers(0, 3)) * 1000
    at = _SENT_AT + draw(st.integers(0, 6)) * 700 if timed else received_at
    link = draw(st.sampled_from(["https://a.example", "https://b.example", "https://c.example"]))
    label, subtype = draw(_BOUNCE_LABELS)
    what = draw(st.integers(0, 3))
    machine = draw(st.booleans())
    detail: dict[str, Any] = {}
    if outcome is Outcome.CLICKED:
        detail = {"link": link}
    elif outcome in (Outcome.SOFT_BOUNCED, Outcome.BOUNCED):
        detail = {"type": label, "subtype": subtype, "code": "4.2.2", "diagnostic": f"smtp; {what}"}
    elif outcome in (Outcome.FAILED, Outcome.UNDELIVERED, Outcome.REJECTED, Outcome.INVALID):
        detail = {"error_code": str(what), "error": f"error {what}"}
    content = orjson.dumps([detail, machine], option=orjson.OPT_SORT_KEYS).decode()
    return Event(
        event_id=event_identity(provider, outcome, at if timed else None, content),
        tenant=TENANT,
        provider=provider,
        channel="email",
        message_id="m-1",
        recipient="ann@example.org",
        recipient_as_given=draw(st.sampled_from(["ann@example.org", "Ann@Example.org"])),
        outcome=outcome,
        at=at,
        timed=timed,
        received_at=received_at,
        receipt_id="r-1",
        sent_at=draw(st.sampled_from([None, _SENT_AT, _SENT_AT + 1000])),
        descriptors=draw(descriptors()),
        detail=detail,
        machine=machine if outcome in (Outcome.OPENED, Outcome.CLICKED) else None,
    )


def histories(max_size: int = 12) -> st.SearchStrategy[list[tuple[Event, int]]]:
    """Events with the revisions of the source records that brought them, in any order."""
    return st.lists(st.tuples(events(), st.integers(0, 5)), min_size=1, max_size=max_size)


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20).filter(lambda s: not any("\ud800" <= c <= "\udfff" for c in s))
    | st.sampled_from(
        ["", " ", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "x" * 5000, "\x00", "<>", "@"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value that orjson can write."""


def _paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [at, *(path for key, child in children for path in _paths(child, (*at, key)))]


def _changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    copy = value.copy()
    copy[key] = _changed(value[key], tuple(rest), new)
    return copy


_PAYLOADS = [
    orjson.loads(orjson.loads(case.envelope.body)["Message"])
    for case in cases("ses")
    if "sns-" not in case.name
]
_FORMS = [case.envelope for case in cases("twilio")]


@st.composite
def damaged_ses(draw: st.DrawFn) -> Envelope:
    """A receipt of SES of which up to three parts are something else than they should be."""
    payload = draw(st.sampled_from(_PAYLOADS))
    for _ in range(draw(st.integers(1, 3))):
        payload = _changed(payload, draw(st.sampled_from(_paths(payload))), draw(ANY_JSON))
    return ses(payload)


@st.composite
def damaged_twilio(draw: st.DrawFn) -> Envelope:
    """A receipt of Twilio with bytes changed, or with a JSON body of anything."""
    if draw(st.booleans()):
        return twilio(
            orjson.dumps(draw(ANY_JSON)), content_type="application/json", query=draw(st.text(max_size=20))
        )
    whole = draw(st.sampled_from(_FORMS))
    cut = draw(st.integers(0, len(whole.body)))
    return twilio(
        whole.body[:cut] + draw(st.binary(max_size=20)) + whole.body[cut:], query="campaign=%FF%00&customer"
    )
