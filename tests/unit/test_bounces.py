"""Hard, soft or never attempted, and why."""

import pytest

from processors.providers.bounces import CAUSES, classify, enhanced_code
from schemas.status import Outcome


@pytest.mark.parametrize(
    ("label", "status", "outcome"),
    [
        ("Permanent", None, Outcome.BOUNCED),
        ("Permanent", "5.7.1", Outcome.BOUNCED),
        ("Permanent", "4.4.7", Outcome.SOFT_BOUNCED),
        ("Permanent", "4.0.0", Outcome.SOFT_BOUNCED),
        ("Transient", None, Outcome.SOFT_BOUNCED),
        ("Transient", "5.7.1", Outcome.SOFT_BOUNCED),
        ("Transient", "5.1.1", Outcome.BOUNCED),
        ("Transient", "5.1.10", Outcome.BOUNCED),
        ("Transient", "4.1.1", Outcome.SOFT_BOUNCED),
        ("Undetermined", "5.0.0", Outcome.SOFT_BOUNCED),
        ("Undetermined", "5.1.1", Outcome.BOUNCED),
        (None, None, Outcome.SOFT_BOUNCED),
    ],
)
def test_the_label_alone_is_not_believed(label: str | None, status: str | None, outcome: Outcome) -> None:
    assert classify(label, "General", status, None).outcome is outcome


@pytest.mark.parametrize("subtype", ["Suppressed", "OnAccountSuppressionList"])
def test_what_was_never_attempted_is_no_bounce_whatever_its_code(subtype: str) -> None:
    assert classify("Permanent", subtype, "5.1.1", None).outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("status", "diagnostic", "code"),
    [
        ("5.1.1", "smtp; 550 5.7.1 no", "5.1.1"),
        ("5.0.0", "smtp; 550 5.1.1 no", "5.1.1"),
        ("5.0.0", "smtp; 450 4.2.2 full", "5.0.0"),
        ("5.0.0", None, "5.0.0"),
        (None, "smtp; 550-5.1.1 The account does not exist. 550 5.1.1 See", "5.1.1"),
        ("failed", "smtp; 421 4.4.2 timeout.", "4.4.2"),
        ("5.2.2 (mailbox full)", None, "5.2.2"),
        (None, "smtp; 550 blocked: 5.6.7.8 is listed", None),
        (None, "smtp; 554 host 4.2.2.1 said no", None),
        (None, "x-unix; exit code 67", None),
        (None, None, None),
    ],
)
def test_the_enhanced_code_is_found_where_it_stands(
    status: str | None, diagnostic: str | None, code: str | None
) -> None:
    assert enhanced_code(status, diagnostic) == code


@pytest.mark.parametrize(
    ("subtype", "status", "diagnostic", "cause"),
    [
        ("General", "5.1.1", None, "mailbox"),
        ("General", "5.2.1", "smtp; 550 5.2.1 The email account is disabled", "mailbox"),
        ("General", "5.1.2", "smtp; 550 5.1.2 bad destination system", "domain"),
        ("General", "5.1.10", None, "domain"),
        ("General", "5.4.4", None, "domain"),
        ("General", "5.1.8", None, "blocked"),
        ("General", "5.7.1", "smtp; 550 5.7.1 rejected due to policy", "blocked"),
        ("General", "5.7.1", "smtp; 554 5.7.1 listed at zen.SPAMHAUS.org", "blocklisted_ip"),
        (
            "General",
            "5.7.606",
            "smtp; 550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
            "blocklisted_ip",
        ),
        (
            "General",
            "4.2.1",
            "smtp; 450-4.2.1 The user is receiving mail at a rate that prevents more",
            "rate_limited",
        ),
        (
            "General",
            "4.7.28",
            "smtp; 421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address. "
            "To protect our users from spam, mail sent from your IP address has been temporarily rate limited.",
            "rate_limited",
        ),
        (
            "General",
            "5.7.1",
            "smtp; 550-5.7.1 Our system has detected an unusual rate of unsolicited mail originating from your IP address. "
            "To protect our users from spam, mail sent from your IP address has been blocked.",
            "blocklisted_ip",
        ),
        ("General", "5.4.5", "smtp; 550 5.4.5 Daily user sending quota exceeded", "rate_limited"),
        ("General", "5.1.1", "smtp; 550 5.1.1 antispam3.example.org: no", "mailbox"),
        ("General", "5.2.2", None, "full"),
        ("MailboxFull", "5.0.0", None, "full"),
        ("MailboxFull", "5.3.0", None, "full"),
        ("MessageTooLarge", None, None, "content"),
        ("ContentRejected", "5.7.1", "smtp; 554 5.7.1 spam", "content"),
        ("AttachmentRejected", None, None, "content"),
        ("General", "4.3.2", None, "server"),
        ("General", "4.4.7", None, "server"),
        ("NoEmail", None, None, "mailbox"),
        ("NoEmail", "5.1.2", None, "domain"),
        ("General", None, None, "unknown"),
        ("Undetermined", None, "smtp; 550 no", "unknown"),
        (None, None, None, "unknown"),
    ],
)
def test_why_it_bounced(subtype: str | None, status: str | None, diagnostic: str | None, cause: str) -> None:
    assert classify("Permanent", subtype, status, diagnostic).cause == cause


def test_the_causes_are_those_of_the_product() -> None:
    assert {
        "mailbox",
        "domain",
        "blocked",
        "blocklisted_ip",
        "rate_limited",
        "content",
        "full",
        "server",
        "unknown",
    } == CAUSES
