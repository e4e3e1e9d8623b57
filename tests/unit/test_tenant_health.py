"""Tenants as senders: judged by their rates, warned, then blocked, released by an operator, all on record."""

from dataclasses import replace

import pytest

from query.limits import History, read_limits
from query.tenant_health import (
    HISTORY,
    Counts,
    Sender,
    Standing,
    State,
    TenantRecord,
    history_of,
    judged,
    next_step,
    released,
    senders_of,
)
from schemas.tenant_log import (
    BLOCKED,
    CLEARED,
    KINDS,
    RELEASED,
    WARNED,
    WAYBILL,
    TenantNote,
    parse_note,
)
from tests.contract import faults

LIMITS = read_limits(None)
HEALTH = LIMITS.health
NOW = 1_800_000_000_000

GOOD = Counts(sent=1000, delivered=990, bounced=10, complained=0)
BAD = Counts(sent=1000, delivered=930, bounced=70, complained=0)
AWFUL = Counts(sent=1000, delivered=850, bounced=150, complained=0)


def step(record: TenantRecord, counts: Counts, sender: Sender = None, now: int = NOW) -> TenantNote | None:
    """What the watch would write now, applied."""
    note = next_step("acme", sender, record.state(sender), counts, HEALTH, NOW - 1000, now)
    if note is not None:
        record.apply(note)
    return note


def release(record: TenantRecord, now: int = NOW) -> TenantNote:
    note = released("acme", "Olga Ops", "The bought list is gone", "ops", now)
    record.apply(note)
    return note


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(), (Standing.OK, None)),
        (GOOD, (Standing.OK, None)),
        (BAD, (Standing.WARNED, "bounce_rate")),
        (AWFUL, (Standing.BLOCKED, "bounce_rate")),
        (Counts(99, 0, 99, 0), (Standing.OK, None)),
        (Counts(100, 0, 100, 0), (Standing.BLOCKED, "bounce_rate")),
        (Counts(100, 95, 5, 0), (Standing.WARNED, "bounce_rate")),
        (Counts(100, 96, 4, 0), (Standing.OK, None)),
        (Counts(500, 500, 0, 2), (Standing.OK, None)),
        (Counts(1000, 1000, 0, 3), (Standing.BLOCKED, "complaint_rate")),
        (Counts(3000, 3000, 0, 3), (Standing.WARNED, "complaint_rate")),
        (Counts(3001, 3001, 0, 3), (Standing.OK, None)),
        (Counts(3000, 2700, 300, 3), (Standing.BLOCKED, "bounce_rate")),
        (Counts(3000, 2800, 200, 3), (Standing.WARNED, "complaint_rate")),
    ],
)
def test_rates_are_judged_from_enough_mail_and_enough_cases(
    counts: Counts, expected: tuple[Standing, str | None]
) -> None:
    assert judged(counts, HEALTH) == expected


def test_a_tenant_is_warned_then_blocked_and_stays_so_until_it_is_released() -> None:
    record = TenantRecord()
    kinds = []
    for counts in (GOOD, AWFUL, AWFUL, AWFUL, GOOD, Counts()):
        if (note := step(record, counts)) is not None:
            kinds.append(note.kind)
    assert kinds == [WARNED, BLOCKED]
    assert record.state(None).standing is Standing.BLOCKED
    release(record, NOW + 5)
    assert record.state(None) == State(Standing.OK, NOW + 5, None, record.entries[-1].entry_id)
    assert record.released_at == NOW + 5
    assert [entry.kind for entry in record.entries] == [WARNED, BLOCKED, RELEASED]


def test_a_warned_tenant_is_cleared_when_its_rates_are_good_again() -> None:
    record = TenantRecord()
    assert [note and note.kind for note in (step(record, each) for each in (BAD, BAD, GOOD, GOOD))] == [
        WARNED,
        None,
        CLEARED,
        None,
    ]
    assert record.state(None).standing is Standing.OK


def test_a_sender_is_judged_beside_its_tenant_and_a_release_is_of_both() -> None:
    record = TenantRecord()
    for _ in range(2):
        step(record, AWFUL, "news@ses.example.com")
    assert record.state("news@ses.example.com").standing is Standing.BLOCKED
    assert record.state(None).standing is Standing.OK
    release(record)
    assert record.state("news@ses.example.com").standing is Standing.OK


def test_the_same_can_happen_again_after_a_release_and_is_an_entry_of_its_own() -> None:
    record = TenantRecord()
    first = [step(record, AWFUL), step(record, AWFUL)]
    release(record)
    again = [step(record, AWFUL), step(record, AWFUL)]
    assert [note and note.kind for note in first + again] == [WARNED, BLOCKED] * 2
    assert len({note.entry_id for note in first + again if note}) == 4


def test_two_processes_that_decide_the_same_write_the_same_entry() -> None:
    one, other = TenantRecord(), TenantRecord()
    first, second = step(one, BAD, now=NOW), step(other, AWFUL, now=NOW + 17)
    assert first and second
    assert first.entry_id == second.entry_id
    one.apply(second)
    assert len(one.entries) == 1


def test_of_two_processes_that_decide_differently_at_once_the_first_in_the_log_counts() -> None:
    warned = TenantRecord()
    step(warned, BAD)
    state = warned.state(None)
    cleared = next_step("acme", None, state, GOOD, HEALTH, NOW, NOW)
    blocked = next_step("acme", None, state, AWFUL, HEALTH, NOW, NOW)
    assert cleared and blocked
    for order in ((cleared, blocked), (blocked, cleared)):
        record = TenantRecord()
        for note in (*warned.entries, *order):
            record.apply(note)
        assert record.entries[-1] is order[0]
        assert len(record.entries) == 2


def test_a_step_from_before_a_release_does_not_count_after_it() -> None:
    record = TenantRecord()
    step(record, AWFUL)
    late = next_step("acme", None, record.state(None), AWFUL, HEALTH, NOW, NOW)
    release(record)
    assert late is not None
    record.apply(late)
    assert record.state(None).standing is Standing.OK


def test_a_release_that_comes_again_is_the_same_release() -> None:
    record = TenantRecord()
    note = release(record)
    step(record, AWFUL)
    record.apply(note)
    assert record.state(None).standing is Standing.WARNED


def test_the_history_that_is_told_is_bounded_to_its_newest_entries() -> None:
    record = TenantRecord()
    for number in range(HISTORY + 10):
        release(record, NOW + number)
    assert len(record.entries) == HISTORY
    assert record.entries[-1].at == NOW + HISTORY + 9


def test_everybody_is_judged_who_sent_or_of_whom_something_stands() -> None:
    record = TenantRecord()
    step(record, BAD, "old@ses.example.com")
    assert set(senders_of({"new@ses.example.com": GOOD}, record)) == {
        None,
        "new@ses.example.com",
        "old@ses.example.com",
    }


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(), History.NONE),
        (Counts(900, 900, 0, 0), History.NONE),
        (Counts(900, 900, 0, 3), History.COMPLAINTS),
        (Counts(5000, 4900, 10, 0), History.FAIR),
        (Counts(20_000, 19_900, 100, 2), History.GOOD),
        (Counts(20_000, 18_000, 2000, 2), History.FAIR),
        (Counts(20_000, 19_900, 100, 15), History.FAIR),
        (Counts(20_000, 19_900, 100, 40), History.COMPLAINTS),
    ],
)
def test_a_history_is_good_or_fair_or_has_complaints_or_is_none(counts: Counts, expected: History) -> None:
    assert history_of(counts, LIMITS) is expected


def test_entries_keep_to_their_contract_and_are_read_as_they_were_written() -> None:
    record = TenantRecord()
    notes = [step(record, AWFUL), step(record, AWFUL, "a@example.com"), step(record, GOOD), release(record)]
    for note in notes:
        assert note is not None
        assert note.kind in KINDS
        assert faults("waybill-tenant-log", note.to_json()) == []
        assert parse_note(note.to_json()) == note
    assert notes[0] and notes[0].actor == WAYBILL


def test_what_a_newer_version_adds_to_an_entry_is_passed_over() -> None:
    note = release(TenantRecord())
    assert parse_note(note.to_json().replace(b'{"schema"', b'{"mood":"good","schema"')) == note


def test_a_release_by_somebody_else_at_the_same_time_is_another_one() -> None:
    record = TenantRecord()
    note = release(record)
    record.apply(replace(note, entry_id="0" * 32, actor="Otto"))
    assert len(record.entries) == 2
