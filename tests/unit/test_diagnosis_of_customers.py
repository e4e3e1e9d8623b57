"""Why does a customer not receive? Each address by itself, and all of them together."""

from dataclasses import replace

from query.diagnosis import Severity, of_customer
from tests.diagnosing import ANN, PHONE, ann, codes, customer, message, phone, standing, text_message, the

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


def test_what_cannot_be_known_is_said_for_each_channel() -> None:
    known = customer(ANN, primary=ANN, uses=((ANN, 1),))
    diagnosis = of_customer(known, [ann(message("opened")), phone(text_message("delivered"))])
    of_mail, of_texts = [finding.text for finding in diagnosis.findings if finding.code == "cannot_know"]
    assert "folders" in of_mail
    assert "handset" in of_texts


def test_only_the_primary_of_several_addresses_was_used() -> None:
    known = customer(ANN, WORK, primary=WORK, uses=((WORK, 3),))
    diagnosis = of_customer(known, [ann(message("delivered"), address=WORK), ann()])
    found = the("only_primary_used", diagnosis)
    assert "only the primary one was used: ann@example.org got nothing in the last 90 days." in found.text
    assert found.severity is Severity.WARNING
    assert "never_sent" not in codes(diagnosis)
    assert "only_some_used" in codes(of_customer(customer(ANN, WORK, uses=((WORK, 3),)), [ann()]))


def test_a_customer_without_addresses_and_messages_got_nothing_and_can_get_nothing() -> None:
    diagnosis = of_customer(customer(), [])
    assert codes(diagnosis) == ["no_address_on_file", "never_sent"]
    assert diagnosis.summary.startswith("Customer 42 has no address on file.")
    assert "in the last 90 days" in the("never_sent", diagnosis).text


def test_a_customer_who_was_never_registered_and_gets_mail_has_no_fault_in_that() -> None:
    diagnosis = of_customer(customer(uses=((ANN, 3),)), [ann(message("opened"))])
    assert the("not_registered", diagnosis).severity is Severity.INFO
    assert not {"no_address_on_file", "not_on_file"} & set(codes(diagnosis))


def test_a_registered_customer_without_addresses_gets_what_the_application_sends_elsewhere() -> None:
    known = replace(customer(uses=((ANN, 3),)), registered={"customer": "42", "addresses": []})
    diagnosis = of_customer(known, [ann(message("opened"))])
    assert the("no_address_on_file", diagnosis).severity is Severity.WARNING
    assert ANN in the("not_on_file", diagnosis).text


def test_addresses_that_were_not_looked_into_are_owned_up_to() -> None:
    known = customer(ANN, WORK, PHONE, primary=ANN, uses=(("ann@old.example", 1),))
    told = the("not_all_looked_into", of_customer(known, [ann(message("opened"))])).text
    assert told == "Of 4 addresses the first 1 were looked into, not the other 3."
    assert "not_all_looked_into" not in codes(of_customer(customer(ANN), [ann()]))


def test_what_is_said_of_one_of_several_addresses_names_it() -> None:
    known = customer(ANN, WORK, primary=ANN, uses=((ANN, 1), (WORK, 1)))
    diagnosis = of_customer(known, [ann(message("opened")), replace(ann(message("bounced")), address=WORK)])
    told = [finding for finding in diagnosis.findings if finding.address == WORK]
    assert told
    assert all(WORK in finding.text for finding in told)


def test_messages_that_went_to_an_address_not_on_file_are_noticed() -> None:
    known = customer(ANN, primary=ANN, uses=((ANN, 1), ("ann@old.example", 4)))
    found = the("not_on_file", of_customer(known, [ann(message("opened"))]))
    assert "ann@old.example" in found.text
    assert "4 ×" in found.evidence[0].fact


def test_a_customer_to_whom_nothing_was_ever_sent_is_told_so_for_the_address_on_file() -> None:
    assert codes(of_customer(customer(ANN, primary=ANN), [ann()]))[0] == "never_sent"
