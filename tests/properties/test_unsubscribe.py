"""Unsubscribe links: what was signed is read again, and nothing else is."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.addresses import AddressFault
from schemas.unsubscribe import LinkFault, UnsubscribeLink, make_token, read_token

NOW = 1_795_339_697_123
OLD, NEW = "o" * 32, "n" * 32
SECRETS = {"acme": [NEW, OLD], "other": [NEW]}

LINKS = st.builds(
    UnsubscribeLink,
    tenant=st.just("acme"),
    channel=st.just("email"),
    address=st.sampled_from(["ann@example.org", "Ünal@München.example", "Ann <ann@example.org>"]),
    category=st.sampled_from(["notification", "marketing"]),
    campaign=st.one_of(st.none(), st.text("aü/ +", min_size=1, max_size=5).filter(str.strip)),
    expires=st.one_of(st.none(), st.integers(NOW // 1000 + 1, 2**40)),
)


@given(LINKS, st.sampled_from([OLD, NEW]))
def test_what_was_signed_with_either_secret_is_read_again(link: UnsubscribeLink, secret: str) -> None:
    assert read_token(make_token(link, secret), SECRETS, NOW) == link


@given(LINKS, st.data())
def test_a_token_with_any_character_changed_is_refused(link: UnsubscribeLink, data: st.DataObject) -> None:
    token = make_token(link, NEW)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABab01-_.=% é\n").filter(lambda c: c != token[place]))
    with pytest.raises(LinkFault):
        read_token(token[:place] + other + token[place + 1 :], SECRETS, NOW)


@given(LINKS, st.integers(0, NOW // 1000 - 1))
def test_a_link_ends_when_it_says_so(link: UnsubscribeLink, expires: int) -> None:
    token = make_token(link.model_copy(update={"expires": expires}), NEW)
    with pytest.raises(LinkFault) as refused:
        read_token(token, SECRETS, NOW)
    assert refused.value.expired


@given(st.text())
def test_no_text_but_a_token_is_one(text: str) -> None:
    with pytest.raises(LinkFault):
        read_token(text, SECRETS, NOW)


def token_of(payload: Any, secret: str = NEW) -> str:
    """A token as any application makes it, without Waybill's code: docs/sending.md."""
    first = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    signature = hmac.new(secret.encode(), first, hashlib.sha256).digest()
    return (first + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_an_application_can_make_a_token_itself() -> None:
    link = read_token(
        token_of({"v": 1, "tenant": "acme", "address": "ann@example.org", "category": "marketing"}),
        SECRETS,
        NOW,
    )
    assert (link.channel, link.address, link.expires) == ("email", "ann@example.org", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"tenant": None},
        {"tenant": "nobody"},
        {"address": "ann"},
        {"address": ["ann@example.org"]},
        {"channel": "fax"},
        {"category": "transactional"},
        {"category": "*"},
        {"expires": "2026-11-22"},
        {"expires": -1},
        {"colour": "red"},
    ],
)
def test_a_signed_token_that_says_what_a_link_cannot_is_refused(changes: dict[str, Any]) -> None:
    payload = {"v": 1, "tenant": "acme", "address": "ann@example.org", "category": "marketing"}
    with pytest.raises(LinkFault):
        read_token(token_of(payload | changes), SECRETS, NOW)


def test_a_tenants_secret_signs_for_no_other_tenant() -> None:
    payload = {"v": 1, "tenant": "other", "address": "ann@example.org", "category": "marketing"}
    with pytest.raises(LinkFault):
        read_token(token_of(payload, OLD), SECRETS, NOW)


@pytest.mark.parametrize(
    ("channel", "address"), [("email", "ann@my_host.example"), ("email", "ann@localhost"), ("sms", "72404")]
)
def test_whatever_address_was_written_to_can_be_unsubscribed(channel: Any, address: str) -> None:
    link = UnsubscribeLink(tenant="acme", channel=channel, address=address, category="marketing")
    assert read_token(make_token(link, NEW), SECRETS, NOW) == link


def test_a_link_is_not_made_for_what_is_no_address() -> None:
    with pytest.raises(AddressFault):
        make_token(UnsubscribeLink(tenant="acme", address="ann", category="marketing"), NEW)
