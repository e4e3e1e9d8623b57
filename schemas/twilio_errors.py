"""What Twilio's error codes mean, and what they make of a message and its number (twilio_errors.toml)."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from schemas.status import Outcome


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of twilio_errors.toml: `outcome` where the code turns a failure into something else, `standing` where it
    makes the number invalid (a word of schemas.standing.Reason)."""

    meaning: str
    outcome: Outcome | None
    reason: str | None
    standing: str | None


def _error_codes() -> dict[str, ErrorCode]:
    rows = tomllib.loads(files(__package__).joinpath("twilio_errors.toml").read_text(encoding="utf-8"))[
        "error"
    ]
    return {
        str(row["code"]): ErrorCode(
            row["meaning"],
            Outcome(row["outcome"]) if "outcome" in row else None,
            row.get("reason"),
            row.get("standing"),
        )
        for row in rows
    }


ERRORS = _error_codes()
