"""May we send? Through everything in between: what a signed callback said counts soon after its 200."""

import json

import pytest

from tests.system import payloads as p
from tests.system.client import Answer, Request, call
from tests.system.load import Load
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, OPERATOR_KEY, Tenant
from tests.system.waiting import eventually

pytestmark = pytest.mark.usefixtures("released")


def ask(stack: Stack, *addresses: str, tenant: Tenant = ACME, **more: str) -> Answer:
    """Asks for transactional mail, unless `more` says otherwise."""
    question = {"channel": "email", "category": "transactional", "addresses": addresses} | more
    headers = {"Authorization": f"Bearer {tenant.key}", "Content-Type": "application/json"}
    request = Request("POST", "/v1/sendability", json.dumps(question).encode(), headers)
    return call(stack.ports["query"], request)


def decided(stack: Stack, address: str, tenant: Tenant = ACME, **more: str) -> tuple[str, str | None]:
    """Decision and reason for one address; AssertionError where there is none."""
    answer = ask(stack, address, tenant=tenant, **more)
    assert answer.status == 200, answer
    (item,) = answer.json()["items"]
    return item["decision"], item["reason"]


def until_decided(stack: Stack, address: str, expected: tuple[str, str | None], **more: str) -> None:
    """Returns when that is decided. How soon that is, `make bench` measures; a machine that tests keep busy does not."""
    eventually(lambda: decided(stack, address, ACME, **more) == expected, 30, f"{expected} for {address}")


@pytest.mark.parametrize(
    ("kind", "category", "expected"),
    [
        ("bounce", "transactional", ("invalid", "hard_bounce")),
        ("complaint", "transactional", ("allow", "complaint")),
        ("complaint", "marketing", ("invalid", "complaint")),
    ],
)
def test_a_callback_counts_soon_after_its_200(
    stack: Stack, kind: str, category: str, expected: tuple[str, str | None]
) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    (address,) = m["destination"]
    assert decided(stack, address) == ("allow", None)
    stack.accept(getattr(p, kind)(m, p.at(3)))
    until_decided(stack, address, expected, category=category)
    assert decided(stack, address, tenant=BETA) == ("allow", None)


def test_it_does_also_while_two_cores_are_busy(stack: Stack) -> None:
    mails = [p.mail(p.new_id(), [p.new_address()], p.at(0)) for _ in range(3000)]
    requests = [stack.ses_request(p.delivery(m, p.at(2))) for m in mails]
    with Load(stack.ports["ingest"], requests, rate=300) as load:
        load.until(0.1)
        while load.stored < 0.9 * load.total:
            m = p.mail(p.new_id(), [p.new_address()], p.at(0))
            (address,) = m["destination"]
            stack.accept(p.bounce(m, p.at(3)))
            until_decided(stack, address, ("invalid", "hard_bounce"))
        load.finish()


def test_a_stop_by_text_counts_for_its_sender_alone(stack: Stack) -> None:
    number, ours = p.new_number(), "+15005550006"
    stop = {"From": number, "Body": "STOP", "SmsStatus": "received"}
    stack.accept_sms(p.sms(p.new_sid(), "received", ours, ACME.account, **stop))
    sms = {"channel": "sms", "category": "notification"}
    until_decided(stack, number, ("skip", "opted_out_of_sender"), sender=ours, **sms)
    assert decided(stack, number, ACME, sender="+15005550007", **sms) == ("skip", "no_opt_in")


def test_a_query_server_that_was_killed_decides_again_only_when_it_knows_everything(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    (address,) = m["destination"]
    stack.accept(p.bounce(m, p.at(3)))
    until_decided(stack, address, ("invalid", "hard_bounce"))
    old = stack.part("query").pid
    stack.kill("query")
    answers: list[tuple[int, str]] = []

    def decides() -> bool:
        answer = ask(stack, address)
        answers.append((answer.status, answer.body.decode()))
        return answer.status == 200

    eventually(decides, 60, "a decision after the restart", every=0.02)
    stack.until_back("query", old)
    assert {status for status, _ in answers} <= {200, 503}
    assert '"decision":"invalid"' in answers[-1][1], (
        "the first decision after a start knows all that was known before"
    )


def test_only_the_operator_sees_the_health_of_tenants(stack: Stack) -> None:
    assert stack.ask("/v1/tenants").status == 403
    items = stack.items("/v1/tenants", OPERATOR_KEY)
    assert {ACME.name, BETA.name} <= {item["tenant"] for item in items}
