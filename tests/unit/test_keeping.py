"""What is written for records of receipts and of address activity, and that a line that is wrong spoils only itself."""

import base64
from collections.abc import Sequence
from itertools import permutations

import orjson
import pytest

from processors import address_facts
from processors.address_facts import AddressFacts
from processors.keeping import Keeper, Kept
from processors.outputs import RECORD_BYTES, joined_lines
from processors.tracking import Tracker, Written, revision_of
from schemas.activity import Activity, Reset, Verdict, parse_activity
from schemas.consent import ConsentChange
from schemas.envelope import Envelope
from schemas.events import event_identity
from schemas.partition import partition_of
from schemas.standing import Reason
from schemas.times import parse_time
from schemas.topics import address_key, customer_key
from tests.addresses import ADDRESS, delivered, facts_of, mark, reset, sent_at, soft
from tests.addresses import activity as of_ann
from tests.cases import RECEIVED_AT, TENANT, app, payload, ses
from tests.folding import mail_event, text_event

KEY = address_key(TENANT, "email", ADDRESS).encode()
PARTITIONS = 4


class Stored:
    """A table and what it holds."""

    def __init__(self) -> None:
        self.facts: dict[bytes, bytes] = {}

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """As FactsTable.read."""
        return [self.facts.get(key) for key in keys]


def keep(
    addresses: Stored, *lines: bytes, offset: int = 7, limit: int = 5, consents: Stored | None = None
) -> Kept:
    """Keeps a record of activity and stores its facts."""
    consents = consents or Stored()
    kept = Keeper(2, lambda tenant: limit).keep_many(
        [(offset, b"\n".join(lines))],
        topic="waybill-address-activity",
        partition=1,
        now=RECEIVED_AT,
        read_addresses=addresses.read,
        read_consents=consents.read,
    )
    addresses.facts |= kept.addresses
    consents.facts |= kept.consents
    return kept


def track(*receipts: Envelope, table: Stored | None = None, offset: int = 7) -> Written:
    """Tracks a record of receipts and stores its facts."""
    table = table or Stored()
    written = Tracker(epoch=2, state_days=60, partitions=PARTITIONS).track(
        b"\n".join(one.to_line() for one in receipts),
        topic="waybill-receipts",
        partition=3,
        offset=offset,
        now=RECEIVED_AT,
        read=table.read,
    )
    table.facts |= written.facts
    return written


def activity(written: Written) -> list[Activity]:
    return [parse_activity(line) for lines in written.activity.values() for line in lines]


def test_facts_go_on_from_record_to_record_under_the_revision_of_the_last() -> None:
    table = Stored()
    for number in range(5):
        kept = keep(table, soft(number).to_line(), offset=number)
    ((key, value),) = kept.standings
    assert key == KEY
    said = orjson.loads(value)
    assert (said["reason"], said["revision"]) == ("repeated_soft_bounces", revision_of(2, 4))
    assert kept.addresses[KEY] == table.facts[KEY]


def test_deliveries_alone_are_kept_and_not_published() -> None:
    table = Stored()
    kept = keep(table, delivered(1).to_line())
    assert list(kept.addresses) == [KEY] and kept.standings == []
    assert keep(table, soft(2).to_line()).standings, "and once there is something to tell, all is"
    assert keep(table, delivered(3).to_line()).standings


def test_a_record_that_comes_again_is_written_again() -> None:
    table = Stored()
    first = keep(table, mark(Reason.COMPLAINT, 1).to_line())
    again = keep(table, mark(Reason.COMPLAINT, 1).to_line())
    assert again.standings == first.standings and again.addresses == first.addresses


def changed(one: Activity, what: dict[str, object] | None = None, **members: object) -> bytes:
    """The line of an activity with some of its members replaced."""
    document = orjson.loads(one.to_line())
    document["what"] |= what or {}
    return orjson.dumps(document | members)


def change(category: str, consent: str, minute: int) -> bytes:
    """The line of a change of consent that staff recorded in that minute."""
    entry = event_identity(category, consent, minute)
    at = sent_at(minute)
    told = ConsentChange(entry, category, None, consent, "staff", "Sam", None, None, at, "console", None)
    return of_ann(told).to_line()


def test_a_change_of_consent_stands_and_is_logged_and_all_is_written_again_when_it_comes_again() -> None:
    consents = Stored()
    lines = [change("marketing", "out", 2), change("marketing", "in", 1), change("notification", "in", 1)]
    first, again = (keep(Stored(), *lines, consents=consents) for _ in range(2))
    assert (first.states, first.log, first.consents) == (again.states, again.log, again.consents)
    assert [(key, orjson.loads(value)["state"]) for key, value in first.states] == [
        (KEY + b"/marketing", "out"),
        (KEY + b"/notification", "in"),
    ]
    assert [(key, orjson.loads(value)["consent"]) for key, value in first.log] == [
        (KEY, "out"),
        (KEY, "in"),
        (KEY, "in"),
    ]
    assert first.kinds == {"consent": 3} and not first.addresses and not first.standings
    later = keep(Stored(), change("marketing", "in", 3), consents=consents)
    assert orjson.loads(later.states[0][1])["state"] == "in"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"[" * 5000,
        b"\xff",
        b'{"schema": "address-activity/9"}',
        changed(reset(sent_at(1)), tenant=7),
        changed(reset(sent_at(1)), kind="wish"),
        changed(soft(1), received_at="now"),
        changed(delivered(1), {"message_at": "yesterday"}),
        changed(soft(1), {"soft": {"at": 1}}),
        changed(mark(Reason.COMPLAINT, 1), {"at": None}),
        changed(mark(Reason.COMPLAINT, 1), kind="reset"),
    ],
)
def test_a_line_that_is_wrong_is_put_aside_and_the_others_go_on(line: bytes) -> None:
    table = Stored()
    kept = keep(table, line, mark(Reason.COMPLAINT, 1).to_line(), line, soft(3).to_line())
    said = orjson.loads(kept.standings[0][1])
    assert (said["complained"], said["soft_bounces_in_a_row"]) == (True, 1)
    documents = [orjson.loads(letter) for _, letter in kept.dead_letters]
    assert [(one["stage"], one["reason"], one["source"]["index"]) for one in documents] == [
        ("standing", "malformed_line", index) for index in (0, 2)
    ]
    assert base64.b64decode(documents[0]["raw"]) == line
    assert kept.reasons == {"malformed_line": 2}
    assert keep(table, soft(4).to_line()).dead_letters == [], "what is stored can be read again"


def test_a_line_that_cannot_be_folded_is_put_aside_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = address_facts.fold

    def fold(facts: AddressFacts | None, one: Activity, revision: int) -> AddressFacts:
        if isinstance(one.what, Reset):
            raise RuntimeError("unforeseen")
        return real(facts, one, revision)

    monkeypatch.setattr(address_facts, "fold", fold)
    kept = keep(Stored(), reset(sent_at(1)).to_line(), mark(Reason.COMPLAINT, 1).to_line())
    assert orjson.loads(kept.standings[0][1])["reset"] is None
    ((key, letter),) = kept.dead_letters
    assert key == KEY and orjson.loads(letter)["reason"] == "internal_error"


def test_facts_that_cannot_be_read_are_not_overwritten() -> None:
    table = Stored()
    table.facts[KEY] = b"from a later version"
    kept = keep(table, soft(1).to_line(), mark(Reason.COMPLAINT, 1).to_line())
    assert kept.addresses == {} and len(kept.dead_letters) == 2


def test_a_delivery_is_told_once_by_its_event_and_not_by_sends_opens_and_clicks() -> None:
    table = Stored()
    told = [
        activity(track(mail_event(name), table=table))
        for name in ("send", "open", "delivery", "open", "click", "delivery")
    ]
    assert [len(one) for one in told] == [0, 1, 1, 0, 0, 1], "an open before the delivery implies one"


def test_what_may_be_a_repeat_is_told_again() -> None:
    table = Stored()
    first, again = (track(mail_event("bounce-transient-mailbox-full"), table=table) for _ in range(2))
    assert first.activity == again.activity != {}


def test_activity_goes_to_the_partition_of_its_address() -> None:
    written = track(*(mail_event(name) for name in ("bounce-of-two-of-three", "delivery-to-two-of-three")))
    assert written.activity
    for partition, lines in written.activity.items():
        for one in map(parse_activity, lines):
            assert partition == partition_of(address_key(one.tenant, one.channel, one.address), PARTITIONS)


def test_the_place_of_a_message_among_others_is_when_it_was_sent_whatever_is_told_first() -> None:
    message_id = payload("ses", "delivery")["mail"]["messageId"]
    message = {"id": message_id, "channel": "email", "recipient": ADDRESS}
    receipts = [
        app({"type": "message", "message": message}),
        mail_event("bounce-transient-mailbox-full"),
        mail_event("delivery"),
    ]
    sent = parse_time(payload("ses", "delivery")["mail"]["timestamp"])
    for order in permutations(receipts):
        table = Stored()
        told = [
            one
            for number, receipt in enumerate(order)
            for one in activity(track(receipt, table=table, offset=number))
        ]
        assert [one.what.message_at for one in told if isinstance(one.what, Verdict)] == [sent, sent]


def test_a_delivered_text_message_is_no_news_of_its_number() -> None:
    assert track(text_event("status-delivered")).activity == {}


def test_an_opt_out_by_a_message_of_long_ago_counts_though_it_is_late() -> None:
    whole = payload("ses", "subscription-left-everything")
    whole["mail"]["timestamp"] = "2026-01-01T00:00:00.000Z"
    written = track(ses(whole))
    assert written.late == 1 and not written.statuses
    assert {one.kind for one in activity(written)} == {"consent"} and len(activity(written)) == 2


def test_a_customer_is_written_under_its_key_with_the_revision_of_the_record() -> None:
    told = {"customer": "42/7", "kind": "company", "addresses": []}
    written = track(app({"type": "customer", "customer": told}))
    ((key, value),) = written.customers
    assert key == customer_key(TENANT, "42/7").encode() == b"acme/42%2F7"
    assert orjson.loads(value)["revision"] == revision_of(2, 7)


def test_a_registration_of_a_message_of_long_ago_is_late_and_makes_no_row() -> None:
    told = {"id": "m-1", "channel": "email", "recipient": ADDRESS, "at": "2026-01-01T00:00:00.000Z"}
    written = track(app({"type": "message", "message": told}))
    assert written.late == 1 and not written.statuses and written.events


def test_lines_go_as_few_records_and_a_long_one_alone() -> None:
    assert list(joined_lines([])) == []
    assert list(joined_lines([b"a", b"b"])) == [b"a\nb"]
    half, long = b"x" * (RECORD_BYTES // 2), b"y" * (2 * RECORD_BYTES)
    found = list(joined_lines([half, b"a", half, long, b"z"]))
    assert found == [b"\n".join((half, b"a")), half, long, b"z"]
    assert b"\n".join(found).split(b"\n") == [half, b"a", half, long, b"z"]


def test_facts_fold_the_same_whether_lines_come_in_one_record_or_in_many() -> None:
    told = [soft(1), delivered(2), mark(Reason.HARD_BOUNCE, 3), reset(sent_at(4)), soft(5)]
    one, many = Stored(), Stored()
    keep(one, *(each.to_line() for each in told))
    for each in told:
        keep(many, each.to_line())
    assert one.facts == many.facts
    facts = AddressFacts.decode(one.facts[KEY])
    assert address_facts.join(facts, facts).encode() == facts.encode()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_an_address_comes_to_the_same_whether_its_receipts_are_folded_together_or_apart(
    order: tuple[int, ...],
) -> None:
    names = ("send", "bounce-transient-mailbox-full", "delivery")
    receipts = [mail_event(names[place]) for place in order]
    table = Stored()
    apart = [one for receipt in receipts for one in activity(track(receipt, table=table))]
    found = [orjson.loads(facts_of(*told).encode()) for told in (activity(track(*receipts)), apart)]
    assert found[0]["verdicts"] == found[1]["verdicts"]
    assert found[0]["at"][0] is found[1]["at"][0] is True
