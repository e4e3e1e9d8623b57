"""Recovery joins what the changelog says with what is stored, and loses nothing that it cannot read."""

from processors.facts import MessageFacts
from processors.facts_table import MESSAGES, Joiner
from tests.unit.test_tracking import ANN, Table, lines, receipt, track

KEY = ANN.encode()


def facts_of(*kinds: str, offset: int) -> bytes:
    """Encoded facts of one message after events of those kinds."""
    table = Table()
    track(lines(*(receipt(kind, "m1", ["ann@example.org"]) for kind in kinds)), table, offset)
    return table.facts[KEY]


def outcomes(encoded: bytes) -> set[str]:
    """The outcomes that facts know of."""
    return set(MessageFacts.decode(encoded).times)


def test_an_older_entry_after_a_newer_one_takes_nothing_away() -> None:
    newer, older = facts_of("Send", "Delivery", "Open", offset=9), facts_of("Send", offset=5)
    joined = Joiner(MESSAGES).join(KEY, None, [newer, older])
    assert outcomes(joined) == {"sent", "delivered", "opened"}
    assert MessageFacts.decode(joined).revision == MessageFacts.decode(newer).revision


def test_what_is_stored_and_not_yet_in_the_changelog_stays() -> None:
    joined = Joiner(MESSAGES).join(KEY, facts_of("Open", offset=9), [facts_of("Send", offset=5)])
    assert outcomes(joined) == {"sent", "opened"}


def test_a_single_entry_on_an_empty_disk_is_taken_as_it_is() -> None:
    assert Joiner(MESSAGES).join(KEY, None, [b"from a later version"]) == b"from a later version"


def test_unreadable_entries_are_left_out_and_counted() -> None:
    joiner = Joiner(MESSAGES)
    good = facts_of("Send", offset=5)
    assert outcomes(joiner.join(KEY, good, [b"unreadable"])) == {"sent"}
    assert joiner.join(KEY, None, [b"unreadable", b"from a later version"]) == b"from a later version"
    assert len(joiner.unreadable) == 3
