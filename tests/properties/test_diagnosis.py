"""Whatever is known of an address or a customer, there is a diagnosis, and it keeps the shape that it promises."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from query.diagnosis import (
    AddressEvidence,
    CustomerEvidence,
    Diagnosis,
    DomainFigures,
    Figures,
    Senders,
    Severity,
    Use,
    of_address,
    of_customer,
)
from schemas.consent import CATEGORIES, EVERY_CATEGORY, IN, OUT, SOURCES
from schemas.standing import PROVIDER_LIST_HINT, Reason
from schemas.status import COUNTS, Status
from schemas.times import format_time
from tests import diagnosing
from tests.diagnosing import DAY, NOW

TIMES = st.integers(0, 100 * DAY).map(lambda ago: format_time(NOW - ago))
WORDS = st.sampled_from([None, "", "a", "{latest}", "50% {", "x" * 500, "Grüße\n\x00"])
ADDRESSES = st.sampled_from(
    ["ann@example.org", "ann@gmial.com", "+15005550123", "ann@@x", "{x}", "a/b?#@gmail.com", "@"]
)
CHANNELS = st.sampled_from(["email", "sms"])
CAUSES = st.sampled_from(
    [None, "mailbox", "domain", "blocked", "blocklisted_ip", "rate_limited", "content", "full", "server", "x"]
)


def _either(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | one


BOUNCES = st.fixed_dictionaries(
    {
        "type": st.just("soft"),
        "subtype": WORDS,
        "code": st.sampled_from([None, "5.1.2", "4.2.2"]),
        "cause": CAUSES,
        "diagnostic": WORDS,
        "at": TIMES,
        "message_id": st.just("m-1"),
    }
)
DELAYS = st.fixed_dictionaries(
    {
        "type": st.sampled_from([None, "MailboxFull", "New"]),
        "code": WORDS,
        "diagnostic": WORDS,
        "at": TIMES,
        "expires_at": _either(TIMES),
    }
)


@st.composite
def messages(draw: st.DrawFn, channel: str) -> dict[str, Any]:
    """An item of the log; its fields need not go together, since providers tell what they like in what order they like."""
    at = draw(TIMES)
    some = {name: draw(_either(TIMES)) for name in diagnosing.message("sent") if name.endswith("_at")}
    words = {name: draw(WORDS) for name in ("sender", "subject", "text", "category", "reason", "error")}
    fields = {
        "channel": channel,
        "at": at,
        "updated_at": at,
        "reached": draw(st.lists(st.sampled_from(COUNTS), unique=True)),
        "gave_up": draw(st.booleans()),
        "soft_bounce": draw(BOUNCES),
        "bounce": draw(_either(BOUNCES)),
        "delay": draw(_either(DELAYS)),
        "opens": draw(st.integers(0, 2)),
        "clicks": draw(st.integers(0, 2)),
        "tracking": draw(st.sampled_from([None, "none"])),
        "error_code": draw(st.sampled_from([None, "30003", "30007", "99999"])),
    }
    if not fields["gave_up"]:
        fields["soft_bounce"] = draw(_either(BOUNCES))
    return diagnosing.message(str(draw(st.sampled_from(Status))), **(some | words | fields))


@st.composite
def standings(draw: st.DrawFn) -> dict[str, Any]:
    """A value of address-standing/1."""
    count = draw(st.integers(0, 9))
    return diagnosing.standing(
        draw(_either(st.sampled_from(Reason))),
        cause=draw(CAUSES | st.just("import")),
        code=draw(WORDS),
        diagnostic=draw(WORDS),
        hint=draw(st.sampled_from([None, PROVIDER_LIST_HINT])),
        soft_bounces_in_a_row=count,
        soft_bounce=draw(BOUNCES) if count else None,
        reset=draw(
            _either(
                st.fixed_dictionaries(
                    {
                        "at": TIMES,
                        "actor": st.just("Sam {x}"),
                        "reason": WORDS,
                        "lifted": _either(st.sampled_from(Reason)),
                    }
                )
            )
        ),
    )


CONSENTS = st.builds(
    diagnosing.consent,
    st.sampled_from([IN, OUT]),
    st.sampled_from([*CATEGORIES, EVERY_CATEGORY]),
    source=st.sampled_from(SOURCES),
    sender=WORDS,
    reason=WORDS,
    evidence=_either(st.fixed_dictionaries({"method": WORDS, "wording": WORDS, "reference": WORDS})),
)
FIGURES = st.builds(Figures, st.integers(0, 99), st.integers(0, 99))
ON_FILE = st.lists(
    st.fixed_dictionaries(
        {"address": ADDRESSES, "address_as_given": ADDRESSES, "channel": CHANNELS, "primary": st.booleans()}
    ),
    max_size=3,
)
CUSTOMERS = st.builds(
    CustomerEvidence,
    st.just("42 {x}"),
    _either(st.fixed_dictionaries({"customer": st.just("42"), "addresses": ON_FILE})),
    st.lists(st.builds(Use, CHANNELS, ADDRESSES, st.integers(1, 9), TIMES), max_size=3),
)


@st.composite
def evidence(draw: st.DrawFn) -> AddressEvidence:
    """Anything that may be known of an address."""
    channel = draw(CHANNELS)
    rows = draw(st.lists(messages(channel), max_size=5))
    return AddressEvidence(
        channel=channel,
        address=draw(ADDRESSES),
        now=NOW,
        standing=draw(_either(standings())),
        consents=draw(st.lists(CONSENTS, max_size=3)),
        messages=sorted(rows, key=lambda row: str(row["at"]), reverse=True),
        spellings=draw(st.lists(st.sampled_from([" a@b.org", "a@b.org"]), max_size=2)),
        customers=draw(st.lists(CUSTOMERS, max_size=2)),
        domain=draw(
            _either(
                st.builds(DomainFigures, st.just(7), st.integers(0, 5), FIGURES, FIGURES, FIGURES, FIGURES)
            )
        ),
        senders=draw(st.builds(Senders, WORDS, WORDS)),
        needs_opt_in=draw(st.lists(st.sampled_from(["marketing", "notification"]), unique=True)),
    )


def _keeps_its_shape(diagnosis: Diagnosis) -> None:
    found = diagnosis.findings
    ranks = [list(Severity).index(finding.severity) for finding in found]
    assert ranks == sorted(ranks)
    assert diagnosis.summary.startswith(found[0].text)
    for finding in found:
        assert finding.text.endswith((".", "?"))
        assert finding.remedy.endswith((".", ")"))
        for proof in finding.evidence:
            assert proof.fact
    assert orjson.loads(orjson.dumps(diagnosis.document()))["findings"]


@given(evidence())
def test_whatever_is_known_of_an_address_has_a_diagnosis(known: AddressEvidence) -> None:
    diagnosis = of_address(known)
    _keeps_its_shape(diagnosis)
    codes = [finding.code for finding in diagnosis.findings]
    assert codes[-1] == "send_a_test"
    row = known.standing
    assert (f"suppressed_{row['reason']}" in codes) == (row["standing"] == "invalid") if row else True
    assert ("never_sent" in codes) == (not known.messages)
    assert not {"seen", "delivered_not_seen"} <= set(codes)


@given(CUSTOMERS, st.lists(evidence(), max_size=3))
def test_whatever_is_known_of_a_customer_has_a_diagnosis(
    customer: CustomerEvidence, addresses: list[AddressEvidence]
) -> None:
    if not addresses and (customer.addresses or customer.uses):
        return  # what is known of is looked into
    diagnosis = of_customer(customer, addresses)
    _keeps_its_shape(diagnosis)
    advice = [one for one in diagnosis.findings if one.code in ("cannot_know", "send_a_test")]
    assert len({one.text for one in advice}) == len(advice)
    assert {one.address for one in advice} <= {None}
