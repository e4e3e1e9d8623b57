"""What went wrong, as a page tells it: in the words of whoever reads it, not in the API's. Pure."""

from typing import NamedTuple

from query.console.ingest import Unconfirmed
from query.console.wording import capitalised
from schemas.problems import (
    BAD_PARAMETER,
    FORBIDDEN,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    UNAVAILABLE,
    ProblemError,
)


class Words(NamedTuple):
    """An error: `heading`, what it `says` in paragraphs with `code` in them, and where whoever runs Waybill looks first."""

    heading: str
    says: str
    to_look_at: str = ""


_NOT_FOUND = Words(
    "Not found",
    "What was known may have expired, it may be somebody else’s, or it was never there. Check the link, or search for it.",
)
_OUT_OF_DATE = Words(
    "This link is out of date",
    "The list, its filters or its order changed since. Start again from its first page.",
)
_SEND_AGAIN = "If it keeps failing, tell whoever runs Waybill."


def words_of(error: ProblemError, *, is_change: bool) -> Words:
    """An error in words; `is_change` where something was to be changed."""
    detail = _sentence(error.detail)
    match error.problem:
        case problem if problem in (NOT_FOUND, METHOD_NOT_ALLOWED):
            return _NOT_FOUND
        case problem if problem is UNAVAILABLE:
            return _of_change(error, detail) if is_change else _away(detail)
        case problem if is_of_cursor(error):
            return _OUT_OF_DATE
        case problem if problem is BAD_PARAMETER:
            return Words("Something in this page’s address is not understood", _of_parameter(error))
        case problem if problem is FORBIDDEN:
            return Words("You may not do this", detail)
        case problem:
            return Words(problem.title, detail)


def is_of_cursor(error: ProblemError) -> bool:
    """Whether the place in a list that a link led to is none any more."""
    return error.problem is BAD_PARAMETER and error.extra.get("parameter") == "cursor"


def _of_parameter(error: ProblemError) -> str:
    name = error.extra.get("parameter")
    told = error.detail.removeprefix(f"{name}: ")
    return _sentence(told) if name is None else f"`{name}`: {told.rstrip('.')}."


def _of_change(error: ProblemError, detail: str) -> Words:
    if isinstance(error, Unconfirmed):
        return Words(
            "Your change may not have been saved",
            "Waybill did not confirm it. Go back and look whether it was made; if not, send it again in a minute. "
            + _SEND_AGAIN,
            detail,
        )
    return Words(
        "Your change was not saved",
        "Waybill cannot store changes at the moment, so nothing was changed. Go back and send it again in a minute. "
        + _SEND_AGAIN,
        detail,
    )


def _away(detail: str) -> Words:
    return Words(
        "This cannot be answered now",
        f"{detail}\n\nNothing is lost: what providers report is kept meanwhile. Try again in a moment. {_SEND_AGAIN}",
        "Look at ClickHouse, and at `/readyz` of this server.",
    )


def _sentence(text: str) -> str:
    return f"{capitalised(text.rstrip('.'))}." if text else ""
