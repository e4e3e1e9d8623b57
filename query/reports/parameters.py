"""The parameters of reports, put together of those that lists take."""

from collections.abc import Mapping, Sequence

from query.exports import FORMATS
from query.parameters import Parameter, choice, limit, text, zone

TIMES: dict[str, Parameter] = {"tz": Parameter(zone)}
"""Of reports that have days or months."""


def with_paging(filters: Mapping[str, Parameter], sorts: Sequence[str]) -> dict[str, Parameter]:
    """These filters, and how the rows are sorted, paged and streamed."""
    return {
        **filters,
        "sort": Parameter(choice(*(f"{minus}{name}" for name in sorts for minus in ("", "-")))),
        "limit": Parameter(limit),
        "cursor": Parameter(text),
        "format": Parameter(choice("json", *FORMATS)),
    }
