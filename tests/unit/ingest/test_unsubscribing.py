"""What counts as a press of the button, and the page that has one."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import pages
from ingest.unsubscribing import how_it_was_meant

FORM = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="b"'


def part(name: str, value: str, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'.encode()


@pytest.mark.parametrize(
    ("content_type", "body", "meant"),
    [
        (FORM, b"List-Unsubscribe=One-Click", "one_click"),
        (FORM, b"List-Unsubscribe=One-Click\r\n", "one_click"),
        (FORM, b"a=b&List%2DUnsubscribe=One%2DClick", "one_click"),
        ("", b"List-Unsubscribe=One-Click", "one_click"),
        ("text/plain", b"List-Unsubscribe=One-Click", "one_click"),
        (MULTIPART, part("List-Unsubscribe", "One-Click") + b"--b--\r\n", "one_click"),
        (MULTIPART, part("x", "y") + part("List-Unsubscribe", "One-Click") + b"--b--", "one_click"),
        ("Multipart/Form-Data; boundary=b", part("List-Unsubscribe", "One-Click"), "one_click"),
        (FORM, b"confirm=yes", "page"),
        (FORM, b"", None),
        (FORM, b"List-Unsubscribe=", None),
        (FORM, b"List-Unsubscribe", None),
        (FORM, b"list-unsubscribe=one-click", None),
        (FORM, b'{"List-Unsubscribe": "One-Click"}', None),
        (FORM, b"&".join([b"a=1"] * 50 + [b"List-Unsubscribe=One-Click"]), None),
        (MULTIPART, part("List-Unsubscribe", "Two-Click") + b"--b--", None),
        (MULTIPART, b"--b\r\n\r\nOne-Click\r\n--b--", None),
        ("multipart/form-data", part("List-Unsubscribe", "One-Click"), None),
    ],
)
def test_only_the_two_forms_count(content_type: str, body: bytes, meant: str | None) -> None:
    assert how_it_was_meant(content_type, body) == meant


@given(
    st.one_of(st.sampled_from([FORM, MULTIPART, "multipart/mixed; boundary*0=b"]), st.text(max_size=30)),
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from([b"--b", b"\r\n", b"--", b"Content-Disposition: form-data", b'; name="', b"="])
        ).map(b"".join),
    ),
)
def test_whatever_is_posted_is_read_without_failing(content_type: str, body: bytes) -> None:
    assert how_it_was_meant(content_type, body) is None


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    page = pages.question("Acme", "ann@example.org", "marketing")
    assert page.text is not None
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb or #rgb: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    digits = colour.removeprefix("#")
    wide = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(wide[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_stands_out_against_its_background() -> None:
    page = pages.refused(403, None)
    assert page.text is not None
    pairs = re.findall(r"[{;\s]color: (#\w+);\s*background: (#\w+)", page.text)
    assert len(pairs) == 4
    for text, background in pairs:
        light, dark = sorted((_luminance(text), _luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 7, (text, background)


def test_the_page_tells_its_language_its_title_and_what_the_button_does() -> None:
    page = pages.question("Acme & Sons", "ann@example.org", "notification").text
    assert page is not None
    assert '<html lang="en">' in page
    assert "<title>Unsubscribe from notifications by Acme &amp; Sons?</title>" in page
    assert page.count("<h1>") == page.count("<button>") == page.count("<main>") == 1
    assert "ann@example.org" in page
