"""Which opens and clicks are those of machines."""

import pytest

from processors.machine_opens import Verdict, judge, machines
from schemas.status import Outcome
from tests.folding import mail_event, status

THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64) Thunderbird/115"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Firefox/130"
DELIVERED_AT = 1_000_000


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        THUNDERBIRD,
        FIREFOX,
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.OPENED, Outcome.CLICKED])
def test_programs_that_people_read_mail_with_are_people(outcome: Outcome, agent: str | None) -> None:
    assert judge(outcome, agent) == Verdict(False)


def test_apple_mail_privacy_is_that_agent_alone_and_of_opens_alone() -> None:
    assert judge(Outcome.OPENED, "Mozilla/5.0") == Verdict(True, "apple_mail_privacy")
    assert judge(Outcome.CLICKED, "Mozilla/5.0") == Verdict(False)
    assert judge(Outcome.OPENED, "Mozilla/5.0 (Macintosh)") == Verdict(False)


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("python-requests/2.31.0", "program"),
        ("Mozilla/5.0 (X11) HeadlessChrome/120.0", "program"),
        ("Mimecast-URL-Protect", "security_scanner"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "link_preview"),
    ],
)
def test_scanners_previews_and_programs_are_machines(agent: str, reason: str) -> None:
    assert judge(Outcome.CLICKED, agent) == Verdict(True, reason)


def seen(identity: int, after_ms: int, link: int = 0, machine: int = 0) -> list[int]:
    return [identity, DELIVERED_AT + after_ms, machine, link]


def test_an_open_at_the_moment_of_delivery_is_a_machines_and_one_later_is_not() -> None:
    found = machines(Outcome.OPENED, [seen(1, 0), seen(2, 999), seen(3, 1000), seen(4, -1)], DELIVERED_AT)
    assert found == {1, 2}


def test_a_click_within_three_seconds_of_delivery_is_a_machines() -> None:
    assert machines(Outcome.CLICKED, [seen(1, 2999), seen(2, 3000)], DELIVERED_AT) == {1}


def test_without_a_delivery_nothing_is_said_by_time() -> None:
    assert machines(Outcome.OPENED, [seen(1, 0)], None) == set()


def test_three_links_within_a_moment_are_a_scanner_and_a_later_click_is_a_person() -> None:
    burst = [seen(1, 60_000, 1), seen(2, 60_500, 2), seen(3, 62_000, 3), seen(4, 90_000, 1)]
    assert machines(Outcome.CLICKED, burst, DELIVERED_AT) == {1, 2, 3}


@pytest.mark.parametrize(
    "clicks",
    [
        [seen(1, 60_000, 1), seen(2, 60_500, 1), seen(3, 61_000, 1)],
        [seen(1, 60_000, 1), seen(2, 60_500, 2)],
        [seen(1, 60_000, 1), seen(2, 61_500, 2), seen(3, 63_500, 3)],
    ],
    ids=["one link thrice", "two links", "three links, slower"],
)
def test_what_a_person_can_do_is_a_persons(clicks: list[list[int]]) -> None:
    assert machines(Outcome.CLICKED, clicks, DELIVERED_AT) == set()


def test_machine_opens_count_as_opens_and_not_as_opens_by_people() -> None:
    said = status(mail_event("delivery"), mail_event("open-apple-mail-privacy"))
    assert (said["opens"], said["human_opens"], said["first_human_opened_at"]) == (1, 0, None)
    assert said["reached"] == ["sent", "delivered", "opened"]


def test_a_person_after_the_machine_is_told_with_their_own_time() -> None:
    said = status(
        mail_event("delivery"),
        mail_event("open-apple-mail-privacy", at="2026-11-20T08:15:05.000Z"),
        mail_event("open-thunderbird", at="2026-11-20T09:30:00.000Z"),
    )
    assert (said["opens"], said["human_opens"]) == (2, 1)
    assert said["first_opened_at"] == "2026-11-20T08:15:05.000Z"
    assert said["first_human_opened_at"] == "2026-11-20T09:30:00.000Z"
    assert "human_opened" in said["reached"]


def test_a_delivery_that_comes_after_its_open_still_unmasks_the_machine() -> None:
    early = mail_event("open-thunderbird", at="2026-11-20T08:15:04.500Z")
    assert status(early)["human_opens"] == 1
    assert status(early, mail_event("delivery"))["human_opens"] == 0
