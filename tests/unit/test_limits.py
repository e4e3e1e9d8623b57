"""Limits an hour, and the file that they come from."""

import re
import tomllib
from pathlib import Path

import pytest

import query.limits
from query.limits import HOUR_MS, History, LimitsFault, Window, parse_limits, read_limits, scaled

TEXT = (Path(query.limits.__file__).parent / "limits.toml").read_text()
NOW = 1_800_000_000_000
MINUTE = 60_000


def test_the_built_in_limits_are_sound() -> None:
    limits = read_limits(None)
    assert limits.group_of()["googlemail.com"] == "google"
    assert limits.health.complaint.warn < limits.health.complaint.block
    assert limits.health.bounce.warn < limits.health.bounce.block
    domains = [domain for group in limits.group for domain in group.domains]
    assert len(domains) == len(set(domains))
    assert all(domain == domain.lower() for domain in domains)


def test_a_list_of_ten_thousand_at_one_domain_is_within_the_limits_of_a_tenant_without_a_history() -> None:
    limits = read_limits(None)
    for most in (limits.tenant.recipients_per_hour, limits.domain.recipients_per_hour):
        assert scaled(most, History.NONE, limits.history) >= 10_000


def test_every_table_of_accepted_rates_has_its_sources() -> None:
    tables = re.split(r"^\[", TEXT, flags=re.MULTILINE)
    for name in ("message]", "tenant]", "history]", "health.complaint]", "health.bounce]"):
        (table,) = [one for one in tables if one.startswith(name)]
        assert "https://" in table, name


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[tenant]", "[tenants]", "tenant"),
        ("recipients_per_hour = 50_000", "recipients_per_hour = 0", "tenant.recipients_per_hour"),
        ("warn = 0.001", "warn = 0.5", "health.complaint"),
        ("sms = 1 ", "smss = 1 ", "message"),
        ("[message]", "[message", "expected TOML"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place_of_the_fault(before: str, after: str, told: str) -> None:
    assert before in TEXT
    with pytest.raises(LimitsFault, match=re.escape(told)):
        parse_limits(TEXT.replace(before, after, 1))


def test_a_file_of_the_operators_own_takes_the_place_of_the_built_in_one(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(TEXT.replace("recipients_per_hour = 50_000", "recipients_per_hour = 7"))
    assert read_limits(path).tenant.recipients_per_hour == 7
    with pytest.raises(LimitsFault, match="readable"):
        read_limits(tmp_path / "none.toml")


def test_a_good_history_gives_more_and_complaints_or_none_give_less() -> None:
    rules = read_limits(None).history
    by_history = [
        scaled(1000, each, rules) for each in (History.COMPLAINTS, History.NONE, History.FAIR, History.GOOD)
    ]
    assert by_history == sorted(set(by_history))
    assert scaled(1, History.COMPLAINTS, rules) == 1


def test_a_limit_opens_when_what_was_sent_an_hour_before_leaves_it() -> None:
    window = Window("tenant_limit", 3, [(NOW + MINUTE, 2), (NOW + 5 * MINUTE, 1)], NOW)
    assert window.left == 0
    assert [window.opens_at() - NOW for _ in range(4)] == [
        MINUTE,
        MINUTE,
        5 * MINUTE,
        MINUTE + HOUR_MS,
    ]


def test_what_has_left_the_hour_since_it_was_counted_no_longer_counts() -> None:
    assert Window("tenant_limit", 6, [(NOW, 5)], NOW).left == 6
    assert Window("tenant_limit", 6, [(NOW + 1, 5)], NOW).left == 1


def test_more_than_the_limit_was_sent_and_so_much_must_leave_first() -> None:
    window = Window("tenant_limit", 2, [(NOW + MINUTE, 3), (NOW + 2 * MINUTE, 1)], NOW)
    assert window.used == 4
    assert [window.opens_at() - NOW for _ in range(3)] == [MINUTE, 2 * MINUTE, MINUTE + HOUR_MS]


def test_the_files_version_is_a_month() -> None:
    assert re.fullmatch(r"\d{4}-\d\d", tomllib.loads(TEXT)["version"])
