"""Errors as pages tell them."""

from typing import get_args

import pytest

from query.console import wording
from query.console.error_words import is_of_cursor, words_of
from query.console.ingest import Unconfirmed
from query.parameters import refused
from schemas.problems import FORBIDDEN, INTERNAL, NOT_FOUND, PROBLEMS, UNAVAILABLE, Problem, ProblemError
from schemas.tenants import Scope


@pytest.mark.parametrize("is_change", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_has_a_heading(problem: Problem, is_change: bool) -> None:
    words = words_of(ProblemError(problem, "what was wrong"), is_change=is_change)
    assert words.heading and not words.heading.endswith(".")


def test_what_could_not_be_read_loses_nothing_and_a_change_that_was_not_sent_was_not_made() -> None:
    away = ProblemError(UNAVAILABLE, "the message store does not answer")
    told = words_of(away, is_change=False).says
    assert told.startswith("The message store does not answer.") and "Nothing is lost" in told
    changed = words_of(away, is_change=True)
    assert changed.heading == "Your change was not saved"
    assert "nothing was changed" in changed.says and "Nothing is lost" not in changed.says
    assert changed.to_look_at == "The message store does not answer."


def test_of_a_change_that_may_have_been_stored_it_is_not_said_that_it_was_not() -> None:
    words = words_of(Unconfirmed(UNAVAILABLE, "ingest did not answer"), is_change=True)
    assert words.heading == "Your change may not have been saved"
    assert "nothing was changed" not in words.says


def test_a_link_to_a_place_in_a_list_that_has_changed_is_out_of_date() -> None:
    error = refused("cursor", "expected the `next` of a page of this question")
    assert is_of_cursor(error)
    assert words_of(error, is_change=False).heading == "This link is out of date"
    assert not is_of_cursor(refused("status", "expected one of"))


def test_a_parameter_is_named_as_the_url_has_it() -> None:
    words = words_of(refused("status", "expected one of a, b"), is_change=False)
    assert words.says == "`status`: expected one of a, b."


def test_nothing_is_told_of_what_is_not_found() -> None:
    assert (
        words_of(ProblemError(NOT_FOUND, "no document of this name"), is_change=False).heading == "Not found"
    )
    assert words_of(ProblemError(INTERNAL), is_change=False).says == ""


def test_what_a_key_may_not_do_is_told_of_every_scope() -> None:
    assert set(wording.SCOPES) == set(get_args(Scope))
    words = words_of(ProblemError(FORBIDDEN, "the key “ops” may not reset addresses"), is_change=True)
    assert words == ("You may not do this", "The key “ops” may not reset addresses.", "")
