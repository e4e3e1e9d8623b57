"""What senders publish is asked of a real name server, once, and where nobody answers that is said."""

import pytest

from deploy.local.process import free_port
from query.sender_dns import SenderDns
from tests.integration.name_server import name_server

LONG = "v=spf1 " + "include:x.example " * 20 + "-all"


async def test_records_are_asked_for_once_and_remembered() -> None:
    asked: list[str] = []
    async with name_server({"a.example": ["v=spf1 -all", "other"], "long.example": [LONG]}, asked) as server:
        dns = SenderDns(server)
        names = ["a.example", "long.example", "none.example"]
        for _ in range(2):
            await dns.ask(names)
            assert dns.records(names) == {
                "a.example": ("other", "v=spf1 -all"), "long.example": (LONG,), "none.example": (),
            }  # fmt: skip
        assert sorted(asked) == sorted(names)


async def test_one_name_that_is_never_answered_keeps_no_other_from_being_told() -> None:
    async with name_server({"a.example": ["v=spf1 -all"], "slow.example": None}, []) as server:
        dns = SenderDns(server)
        await dns.ask(["slow.example", "a.example"])
        assert dns.records(["a.example", "slow.example"]) == {
            "a.example": ("v=spf1 -all",), "slow.example": "the name servers do not answer",
        }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "..", "a..b", "x" * 64 + ".example", "ü\x00.example", "\\.example", "a b.example"]
)
async def test_a_name_that_is_none_is_told_as_one_that_cannot_be_asked_for_or_has_nothing(name: str) -> None:
    async with name_server({}, []) as server:
        dns = SenderDns(server)
        await dns.ask([name])
        found = dns.records([name])[name]
        assert found == () or isinstance(found, str)


async def test_where_nobody_answers_it_is_said_why_and_not_asked_again_at_once() -> None:
    dns = SenderDns(f"127.0.0.1#{free_port()}")
    await dns.ask(["a.example"])
    assert dns.records(["a.example", "b.example"]) == dict.fromkeys(
        ["a.example", "b.example"], "the name servers do not answer"
    )


async def test_switched_off_it_asks_nobody_and_says_so() -> None:
    dns = SenderDns("off")
    await dns.ask(["a.example"])
    assert "WAYBILL_DNS is off" in str(dns.records(["a.example"])["a.example"])
