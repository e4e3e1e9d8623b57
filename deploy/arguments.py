"""Arguments that several commands take, refused with what was expected."""

from argparse import ArgumentTypeError
from urllib.parse import urlsplit


def base_url(given: str) -> str:
    """http[s]://host[:port][/path], without a slash at its end. Raises ArgumentTypeError."""
    try:
        parts = urlsplit(given)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment:
        raise ArgumentTypeError(f"expected an address such as http://127.0.0.1:8080, got {given!r:.100}")
    return given.rstrip("/")
