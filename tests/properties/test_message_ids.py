"""Ingest finds a message's id without reading all of the payload, and finds the one that the worker reads."""

from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.message_ids import find_ses_message_id, load_json, ses_message_id

_names = st.sampled_from(["mail", "messageId", "message_id", "tags", "commonHeaders", "x"])
_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_payloads = st.builds(
    lambda mail, rest: rest | {"mail": mail}, _json, st.dictionaries(_names, _json, max_size=3)
)


def _read_whole(message: str) -> str | None:
    try:
        payload = load_json(message)
    except ValueError:
        return None
    mail = payload.get("mail") if isinstance(payload, dict) else None
    return ses_message_id(mail) if isinstance(mail, dict) else None


@given(_json | _payloads)
def test_the_id_found_in_a_payload_is_the_one_that_is_read_of_it(payload: Any) -> None:
    message = orjson.dumps(payload).decode()
    assert find_ses_message_id(message) == _read_whole(message)


@given(st.lists(st.tuples(_names, _json | st.text(min_size=1, max_size=4)), max_size=6))
def test_of_a_field_given_twice_both_take_the_same_one(fields: list[tuple[str, Any]]) -> None:
    inside = ",".join(f'"{name}":{orjson.dumps(value).decode()}' for name, value in fields)
    message = f'{{"mail":{{{inside}}},"mail":{{{inside}}},"mail":{{"tags":{{}}}},"mail":{{{inside}}}}}'
    assert find_ses_message_id(message) == _read_whole(message)


@given(st.text(max_size=30))
@example('{"mail":{"messageId":" a\\ud83d "}}')  # half of a surrogate pair, as SES leaves it
@example('{"mail":{"messageId":"a","x":"\\ud83d"}}')
@example('{"mail":{"messageId":"a"}')
@example('{"mail":[{"messageId":"a"}]}')
@example('[{"messageId":"a"}]')
@example('{"mail":' * 5000)
@example("Successfully validated SNS topic for Amazon SES event publishing.")
def test_of_what_is_no_payload_both_make_the_same(message: str) -> None:
    assert find_ses_message_id(message) == _read_whole(message)
