"""How the embedded ClickHouse reads forms."""

import pytest

from deploy.local.forms import Part, form_parts
from deploy.local.statements import StatementFault

TYPE = 'multipart/form-data; boundary="a b=c"'


def test_fields_and_files_come_in_their_order_with_their_bytes_untouched() -> None:
    body = (
        b"--a b=c\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT '\xc3\xbc'\r\n\r\n--a b\r\n"
        b'--a b=c\r\nContent-Disposition: form-data; name="t"; filename="t.tsv"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n1\t\x00\n\r\n"
        b'--a b=c\r\nContent-Disposition: form-data; name="param_p"\r\n\r\n\r\n--a b=c--\r\n'
    )
    assert form_parts(TYPE, body) == [
        Part("query", None, "SELECT 'ü'\r\n\r\n--a b".encode()),
        Part("t", "t.tsv", b"1\t\x00\n"),
        Part("param_p", None, b""),
    ]


@pytest.mark.parametrize("content_type", [TYPE, "multipart/form-data"])
@pytest.mark.parametrize("body", [b"", b"no form", b"--a b=c\r\nContent-Disposition: form-data"])
def test_what_is_no_form_is_a_fault_that_says_so(content_type: str, body: bytes) -> None:
    with pytest.raises(StatementFault, match="multipart"):
        form_parts(content_type, body)
