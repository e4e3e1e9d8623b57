"""What the DNS says of a sender's domain is read as receivers read it."""

import pytest

from query.sender_authentication import Records, SenderDomain, dkim, dmarc, spf

PLAIN = SenderDomain("ses.example.com")
TOLD = SenderDomain("ses.example.com", "bounce.ses.example.com", ("one", "two"))
HERE = "_dmarc.ses.example.com"
SPF = "v=spf1 include:amazonses.com -all"


@pytest.mark.parametrize(
    ("sender", "records", "state"),
    [
        (PLAIN, [SPF], "aligned"),
        (PLAIN, ["V=SPF1 -all", "google-site-verification=x"], "aligned"),
        (PLAIN, ["v=spf10 -all", "spf2.0/pra"], "missing"),
        (PLAIN, [], "missing"),
        (PLAIN, [SPF, "v=spf1 -all"], "faulty"),
        (PLAIN, "no answer", "not_asked"),
        (TOLD, [SPF], "aligned"),
        (SenderDomain("example.com", "bounce.example.com"), [SPF], "aligned"),
        (SenderDomain("example.com", "notexample.com"), [SPF], "not_aligned"),
        (SenderDomain("example.com", "eu-west-1.amazonses.com"), [SPF], "not_aligned"),
    ],
)
def test_spf_is_one_record_where_bounces_go_and_that_is_the_senders(
    sender: SenderDomain, records: list[str] | str, state: str
) -> None:
    verdict = spf(sender, {sender.mail_from or sender.domain: records})
    assert verdict.state == state
    assert verdict.said


@pytest.mark.parametrize(
    ("one", "two", "state"),
    [
        (["v=DKIM1; k=rsa; p=MIGf MA0G"], ["p=abc"], "aligned"),
        (["v=DKIM1; p=abc"], [], "missing"),
        (["v=DKIM1; p="], ["p=abc"], "missing"),
        (["v=DKIM1; p=abc"], "no answer", "not_asked"),
    ],
)
def test_dkim_is_a_key_under_every_selector(one: list[str], two: list[str] | str, state: str) -> None:
    records: Records = {"one._domainkey.ses.example.com": one, "two._domainkey.ses.example.com": two}
    assert dkim(TOLD, records).state == state


def test_dkim_is_not_asked_for_where_nobody_names_the_selectors() -> None:
    verdict = dkim(PLAIN, {})
    assert (verdict.state, "dkim_selectors" in verdict.said) == ("not_asked", True)


@pytest.mark.parametrize(
    ("here", "above", "state", "said"),
    [
        (["v=DMARC1; p=reject"], [], "published", f"p=reject at {HERE}"),
        ([], ["v=DMARC1;p=quarantine; rua=mailto:a@b"], "published", "p=quarantine at _dmarc.example.com"),
        (["v=DMARC1; p=none"], [], "published", f"p=none at {HERE}: receivers are asked to do nothing"),
        (["something else"], [], "missing", f"neither {HERE} nor a name above has a policy"),
        (["v=DMARC1; p=reject", "v=DMARC1;p=none"], [], "faulty", f"{HERE}: v=DMARC1; p=reject and v=DMARC1;p=none"),
        (["v=DMARC1; rua=mailto:a@b"], [], "faulty", f"{HERE}: v=DMARC1; rua=mailto:a@b"),
        ([], "no answer", "not_asked", "no answer"),
    ],
)  # fmt: skip
def test_dmarc_is_the_policy_of_the_domain_or_of_the_one_above(
    here: list[str], above: list[str] | str, state: str, said: str
) -> None:
    verdict = dmarc(PLAIN, {HERE: here, "_dmarc.example.com": above})
    assert (verdict.state, verdict.said) == (state, said)


def test_the_names_are_those_that_the_three_need() -> None:
    assert TOLD.names == [
        "bounce.ses.example.com",
        "one._domainkey.ses.example.com",
        "two._domainkey.ses.example.com",
        "_dmarc.ses.example.com",
        "_dmarc.example.com",
    ]
    assert PLAIN.names == ["ses.example.com", "_dmarc.ses.example.com", "_dmarc.example.com"]
