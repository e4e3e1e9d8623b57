"""What the embedded ClickHouse must know of a statement before the engine sees it. Pure text work."""

import re
from dataclasses import dataclass

TRANSPORT_PARAMETERS = frozenset(
    (
        "query database default_format query_id session_id session_timeout session_check user password quota_key compress "
        "decompress buffer_size wait_end_of_query client_protocol_version role send_progress_in_http_headers "
        "http_headers_progress_interval_ms enable_http_compression stacktrace close_session "
        "cancel_http_readonly_queries_on_client_close"
    ).split()
)
"""URL parameters that are the HTTP interface's own and no settings of the engine."""

STREAMED_FORMATS = frozenset(
    (
        "Native RowBinary TabSeparated TSV TabSeparatedRaw TSVRaw CSV JSONEachRow JSONLines NDJSON JSONCompactEachRow"
    ).split()
)
"""Formats without header and footer: the engine hands out block after block, and together they are the whole."""

NAMED_FORMATS = frozenset(
    "TabSeparatedWithNames TSVWithNames CSVWithNames JSONCompactEachRowWithNames".split()
)
"""Formats whose only header is a line of names, which the engine repeats before every block."""

_COMMENT = r"(?:\s+|--[^\n]*\n|#![^\n]*\n|/\*.*?\*/)"
_FIRST_WORD = re.compile(rf"{_COMMENT}*\(*\s*([A-Za-z]+)", re.DOTALL)
_TRAILING_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[^'`\"]*?)?\s*;?\s*$", re.IGNORECASE)
_QUOTED = rb"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\""
_INSERT_WITH_DATA = re.compile(
    rb"((?:" + _QUOTED + rb"|[^'`\"])*?)\bFORMAT\s+(\w+)[ \t]*;?[ \t]*(?:\r?\n|$)", re.IGNORECASE | re.DOTALL
)
_OWN_DATA = re.compile(rb"\b(?:SELECT|VALUES|WITH|INFILE)\b", re.IGNORECASE)
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class StatementFault(ValueError):
    """A request that cannot become a statement; the message says why."""


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose rows come as data: the statement without FORMAT, the format, and where in the request they begin."""

    statement: str
    format: str
    begin: int


def is_select(statement: str) -> bool:
    """Whether it is one of the statements whose answer the engine can hand out piece by piece."""
    word = _FIRST_WORD.match(statement)
    return word is not None and word[1].upper() in ("SELECT", "WITH", "FROM")


def output_format(statement: str, default: str) -> str:
    """The format that the answer will have."""
    found = _TRAILING_FORMAT.search(statement)
    return found[1] if found else default


LONGEST_INSERT = 65536
"""Within so many bytes of a request an INSERT has come to its rows."""


def insert_with_data(head: bytes) -> Insert | None:
    """The INSERT … FORMAT x of a request, `head` being its first LONGEST_INSERT bytes or all of it.

    None for everything else, also for an INSERT that brings its rows by itself (SELECT, VALUES).
    """
    word = re.match(_FIRST_WORD.pattern.encode(), head, re.DOTALL)
    if word is None or word[1].upper() != b"INSERT":
        return None
    found = _INSERT_WITH_DATA.match(head)
    if found is None or _OWN_DATA.search(re.sub(_QUOTED, b"", found[1], flags=re.DOTALL)):
        return None
    return Insert(found[1].decode(), found[2].decode(), found.end())


def set_statement(settings: dict[str, str]) -> str:
    """SET for these settings. Raises StatementFault where a name is none: names cannot be quoted."""
    parts = []
    for name, value in settings.items():
        if not _SETTING.fullmatch(name):
            raise StatementFault(f"{name!r} is no name of a setting")
        parts.append(f"{name} = '{quoted(value)}'")
    return "SET " + ", ".join(parts)


def quoted(text: str) -> str:
    """Escaped for between single quotes or backticks."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("`", "\\`")


def error_code(message: str) -> int:
    """ClickHouse's number of an error; 1002, its “unknown exception”, where the message has none."""
    found = re.search(r"Code: (\d+)\.", message)
    return int(found[1]) if found else 1002


_HTTP_STATUS = {
    **dict.fromkeys((8, 16, 46, 47, 60, 81, 115), 404),
    **dict.fromkeys((6, 26, 27, 33, 36, 38, 41, 43, 44, 53, 62, 69, 70, 72, 117, 130, 441, 456, 457), 400),
    **dict.fromkeys((48, 50), 501),
    **dict.fromkeys((159, 160), 408),
    **dict.fromkeys((202, 241, 439), 503),
}


def http_status(code: int) -> int:
    """The HTTP status with which ClickHouse answers an error of that number; 500 for most."""
    return _HTTP_STATUS.get(code, 500)
