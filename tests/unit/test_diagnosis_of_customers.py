"""Why does a customer not receive? Each address by itself, and all of them together."""

from query.diagnosis import Severity, of_customer
from tests.diagnosing import ANN, ann, codes, customer, message, standing, the

WORK = "ann@work.example"


def test_the_findings_of_each_address_say_which_one_they_are_of() -> None:
    known = customer(ANN, WORK, primary=ANN, uses=((ANN, 1), (WORK, 1)))
    diagnosis = of_customer(
        known,
        [
            ann(message("delivered"), customers=[known]),
            ann(message("invalid"), address=WORK, standing=standing("hard_bounce"), customers=[known]),
        ],
    )
    assert the("suppressed_hard_bounce", diagnosis).address == WORK
    assert the("delivered_not_seen", diagnosis).address == ANN
    assert diagnosis.findings[0].code == "suppressed_hard_bounce"


def test_advice_that_is_of_no_single_address_is_said_once_and_last() -> None:
    known = customer(ANN, WORK, primary=ANN, uses=((ANN, 1), (WORK, 1)))
    found = codes(of_customer(known, [ann(message("opened")), ann(message("opened"), address=WORK)]))
    assert (found.count("cannot_know"), found.count("send_a_test"), found[-1]) == (1, 1, "send_a_test")


def test_only_the_primary_of_several_addresses_was_used() -> None:
    known = customer(ANN, WORK, primary=WORK, uses=((WORK, 3),))
    diagnosis = of_customer(known, [ann(message("delivered"), address=WORK), ann()])
    found = the("only_primary_used", diagnosis)
    assert "only the primary one was used: ann@example.org got nothing" in found.text
    assert found.severity is Severity.WARNING
    assert "never_sent" not in codes(diagnosis)
    assert "only_some_used" in codes(of_customer(customer(ANN, WORK, uses=((WORK, 3),)), [ann()]))


def test_a_customer_without_addresses_and_messages_got_nothing_and_can_get_nothing() -> None:
    diagnosis = of_customer(customer(), [])
    assert codes(diagnosis) == ["no_address_on_file", "never_sent"]
    assert diagnosis.summary.startswith("Customer 42 has no address on file.")


def test_messages_that_went_to_an_address_not_on_file_are_noticed() -> None:
    known = customer(ANN, primary=ANN, uses=((ANN, 1), ("ann@old.example", 4)))
    found = the("not_on_file", of_customer(known, [ann(message("opened"))]))
    assert "ann@old.example" in found.text
    assert "4 ×" in found.evidence[0].fact


def test_a_customer_to_whom_nothing_was_ever_sent_is_told_so_for_the_address_on_file() -> None:
    assert codes(of_customer(customer(ANN, primary=ANN), [ann()]))[0] == "never_sent"
