"""CSV lists: what a file must look like, what its rows become, and that a fault anywhere keeps all of it out."""

import io
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.importing.files import LineFault, read_records
from deploy.importing.lists import BATCH, BATCH_BYTES, KINDS, Defaults, Prepared
from deploy.importing.progress import Progress, describe
from schemas.registrations import REASONS_OF, Suppression
from schemas.settings import IngestSettings
from schemas.standing import Reason

NOW = 1_795_341_600_000  # 2026-11-22T10:00:00Z
AT = "2026-11-01T08:00:00.000Z"
DEFAULTS = Defaults(AT, "Sam Lee")


def prepared(kind: str, text: str, defaults: Defaults = DEFAULTS) -> Prepared:
    """A file made ready, which has no faults as a file."""
    records, faults = read_records(text.encode(), KINDS[kind].required, KINDS[kind].optional)
    assert faults == []
    looked_at: list[int] = []
    made = KINDS[kind].prepare(records, defaults, NOW, looked_at.append)
    assert sum(looked_at) <= len(records)
    assert made.faults or sum(looked_at) == len(records)
    return made


def documents(kind: str, text: str, defaults: Defaults = DEFAULTS) -> list[dict[str, Any]]:
    """What is posted of a file without faults."""
    made = prepared(kind, text, defaults)
    assert list(made.faults) == []
    found: list[dict[str, Any]] = []
    for post in made.posts:
        body = orjson.loads(post.body)
        found += body if isinstance(body, list) else [body]
    return found


def faults(kind: str, text: str) -> list[str]:
    made = prepared(kind, text)
    assert made.posts == ()
    return [str(fault) for fault in made.faults]


def of_file(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    records, found = read_records(data, ["address"], ["note", "at"])
    return [str(fault) for fault in found] or [f"{record.line} {record.values}" for record in records]


def test_rows_come_with_their_lines_whatever_separates_them() -> None:
    expected = ["2 {'address': 'a@b.org', 'note': 'x'}", "4 {'address': 'c@d.org'}"]
    for sign in ",;\t":
        assert of_file(f"Address{sign} NOTE \na@b.org{sign}x\n\nc@d.org{sign}\n") == expected
    assert of_file("\ufeffaddress,note\r\na@b.org,x\r\n\r\nc@d.org\r\n") == expected
    assert of_file("address;note\ra@b.org;x, y and z, too\r") == [
        "2 {'address': 'a@b.org', 'note': 'x, y and z, too'}"
    ]
    assert of_file("\naddress;note\na@b.org;x\n") == ["3 {'address': 'a@b.org', 'note': 'x'}"]


def test_a_value_over_several_lines_does_not_shift_the_lines_after_it() -> None:
    assert of_file('address,note\na@b.org,"one\ntwo, three"\nc@d.org,\n') == [
        "2 {'address': 'a@b.org', 'note': 'one\\ntwo, three'}",
        "4 {'address': 'c@d.org'}",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: expected a column address"),
        ("note\nx\n", "line 1: expected a column address"),
        ("address,address\n", "line 1: expected the column address once"),
        ("address,adress\n", "line 1: expected a head of columns among address, note, at, found 'adress'"),
        ("address\na,b\n", "line 2: expected 1 values, found 2"),
        (
            'address\nx\n"a@b.org\ny\nz\n',
            "line 3: expected CSV from here to the end of the file: unexpected end of data",
        ),
        (
            'address\nx\n"a"b\ny\n',
            "line 3: expected CSV from here to the end of the file: ',' expected after '\"'",
        ),
        (b"address\nx\ny\xff\n", "line 3: expected UTF-8; save the file so and try again"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str | bytes, expected: str) -> None:
    assert of_file(text) == [expected]


def test_a_suppression_has_the_reason_that_its_channel_usually_has() -> None:
    common = {"actor": "Sam Lee", "at": AT}
    assert documents("suppressions", "address\nann@example.org\n+15005550006\n") == [
        {"address": "ann@example.org", "channel": "email", "reason": "hard_bounce", **common},
        {"address": "+15005550006", "channel": "sms", "reason": "invalid_number", **common},
    ]


def test_what_a_row_says_itself_counts_before_what_the_command_says() -> None:
    text = "address,reason,note,actor,at\na@b.org,complaint,said so,Kim,2026-10-01\n"
    assert documents("suppressions", text, Defaults(AT, "Sam Lee", reason="hard_bounce")) == [
        {
            "address": "a@b.org",
            "channel": "email",
            "reason": "complaint",
            "actor": "Kim",
            "note": "said so",
            "at": "2026-10-01T00:00:00Z",
        }
    ]


def test_words_count_in_any_case_and_with_spaces_around_them() -> None:
    (one,) = documents("suppressions", "address, channel, reason\n15005550006, SMS, Landline\n")
    assert (one["channel"], one["reason"]) == ("sms", "landline")
    (one,) = documents(
        "opt-outs", "address, category, method, reference\na@b.org, Marketing , VERBAL, call\n"
    )
    assert (one["category"], one["evidence"]["method"]) == ("marketing", "verbal")
    (one,) = documents("customers", "customer, kind\n42, Company\n")
    assert one["kind"] == "company"


def test_what_could_not_be_dialled_is_an_address_of_email_or_none() -> None:
    assert faults("opt-outs", "address\nann.example.org\n") == [
        "line 2: address: expected an email address, such as ann@example.org"
    ]


def test_opt_outs_and_opt_ins_are_consents_of_an_import_with_their_evidence() -> None:
    text = "address,category,reference\na@b.org,notification,form 7\nc@d.org,,\n"
    (first, second) = documents("opt-outs", text)
    assert first["evidence"] == {"method": "written", "reference": "form 7"}
    assert (first["category"], first["consent"], first["source"]) == ("notification", "out", "import")
    assert (second["category"], "evidence" in second) == ("marketing", False)
    assert [each["consent"] for each in documents("opt-ins", text)] == ["in", "in"]


def test_the_rows_of_a_customer_are_one_customer_wherever_they_stand() -> None:
    text = (
        "customer,kind,name,address,primary,created_at\n"
        "42,,Ann,ann@example.org,yes,2020-05-01\n"
        "a/b,company,,,,\n"
        "42,client,,+15005550006,no,\n"
    )
    made = prepared("customers", text)
    assert [(post.method, post.path, post.lines) for post in made.posts] == [
        ("PUT", "/v1/customers/42", (2, 4)),
        ("PUT", "/v1/customers/a%2Fb", (3, 3)),
    ]
    assert [orjson.loads(post.body) for post in made.posts] == [
        {
            "kind": "client",
            "name": "Ann",
            "created_at": "2020-05-01T00:00:00Z",
            "addresses": [
                {"address": "ann@example.org", "channel": "email", "primary": True},
                {"address": "+15005550006", "channel": "sms", "primary": False},
            ],
        },
        {"kind": "company", "addresses": []},
    ]


def test_every_fault_is_told_with_its_line_and_nothing_of_the_file_is_ready() -> None:
    text = "address,at,reason\nann@example.org,,\nnobody,,\nann@example.org,2999-01-01,\na@b.org,,because\n"
    told = faults("suppressions", text)
    assert [line.split(":")[:2] for line in told] == [
        ["line 3", " address"],
        ["line 4", " at"],
        ["line 5", " reason"],
    ]
    assert "not in the future" in told[1]


def test_faults_of_customers_are_told_with_the_line_of_the_address() -> None:
    text = (
        "customer,kind,address,primary\n"
        "42,client,ann@example.org,yes\n"
        "42,company,ann@work.example,yes\n"
        "42,,ann@@example,maybe\n"
        ",,a@b.org,\n"
        "43,cat,,\n"
    )
    told = faults("customers", text)
    assert [line.split(":")[:2] for line in told] == [
        ["line 3", " kind"],
        ["line 3", " primary"],
        ["line 4", " primary"],
        ["line 4", " address"],
        ["line 5", " customer"],
        ["line 6", " kind"],
    ]


def test_long_lists_are_posted_in_parts_that_know_their_lines() -> None:
    rows = "".join(f"user{n}@example.org\n" for n in range(2 * BATCH + 1))
    made = prepared("suppressions", f"address\n{rows}")
    assert [(post.things, post.lines) for post in made.posts] == [
        (BATCH, (2, BATCH + 1)),
        (BATCH, (BATCH + 2, 2 * BATCH + 1)),
        (1, (2 * BATCH + 2, 2 * BATCH + 2)),
    ]
    assert made.things == 2 * BATCH + 1


def test_no_request_of_a_list_is_larger_than_ingest_takes() -> None:
    wording = "ö" * 60_000
    rows = "".join(f"user{n}@example.org,{wording}\n" for n in range(40))
    made = prepared("opt-outs", f"address,wording\n{rows}")
    settings = IngestSettings.model_fields
    assert made.things == 40
    assert len(made.posts) > 1
    for post in made.posts:
        assert len(post.body) < settings["max_list_bytes"].default
    assert BATCH_BYTES + settings["max_body_bytes"].default < settings["max_list_bytes"].default


def test_the_same_file_is_the_same_posts_again() -> None:
    text = "address\nann@example.org\n"
    assert prepared("opt-outs", text) == prepared("opt-outs", text)
    assert b"2026-11-01T08:00:00.000Z" in prepared("opt-outs", text).posts[0].body


def test_every_reason_of_a_standing_can_be_imported_but_that_of_a_row_of_messages() -> None:
    taken = set(Suppression.model_json_schema()["properties"]["reason"]["enum"])
    assert taken == set(Reason) - {Reason.REPEATED_SOFT_BOUNCES}
    assert {reason for reasons in REASONS_OF.values() for reason in reasons} == taken


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(st.lists(st.lists(CELLS, max_size=4), max_size=6), st.sampled_from(list(KINDS)))
def test_whatever_a_file_holds_it_is_ready_or_has_faults_with_lines(rows: list[list[str]], name: str) -> None:
    kind = KINDS[name]
    text = "\n".join([",".join([*kind.required, *kind.optional]), *(",".join(row) for row in rows)])
    records, found = read_records(text.encode(), kind.required, kind.optional)
    made = kind.prepare(records, DEFAULTS, NOW, lambda _: None)
    assert not (made.faults and made.posts)
    lines = text.count("\n") + text.count("\r") + 2
    for fault in (*found, *made.faults):
        assert isinstance(fault, LineFault)
        assert 1 <= fault.line <= lines
    assert made.faults or len(records) >= made.things


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _told(out: io.StringIO, seconds: Sequence[float]) -> str:
    clock = iter([0.0, *seconds])
    progress = Progress("customers", 4, out, lambda: next(clock))
    for _ in seconds[:-1]:
        progress.add(1)
    progress.finish()
    return out.getvalue()


def test_a_bar_is_redrawn_in_place_on_a_terminal_and_not_too_often() -> None:
    told = _told(_Terminal(), [0.01, 0.5, 0.55, 2.0, 2.0])
    assert ["2/4" in told.split("\r\x1b[K")[1], told.count("\r")] == [True, 3]
    assert told.endswith("4/4 100%, 2/s\n")


def test_elsewhere_a_line_is_told_now_and_then() -> None:
    assert _told(io.StringIO(), [1.0, 11.0, 12.0, 13.0, 14.0]).count("\n") == 2


def test_how_far_it_is_tells_what_is_left() -> None:
    assert describe("opt-outs", 500, 2000, 2.0) == f"opt-outs {'█' * 7:<30} 500/2,000 25%, 250/s, 6 s left"
    assert describe("opt-outs", 0, 0, 0.0) == f"opt-outs {'█' * 30} 0/0 100%, 0/s"
