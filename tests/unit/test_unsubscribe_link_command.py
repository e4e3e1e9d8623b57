"""`python -m deploy unsubscribe-link`: a link that ingest takes, or a line that says why there is none."""

import time
from argparse import ArgumentParser
from pathlib import Path

import pytest

from deploy.unsubscribe_link import add_arguments, print_link
from schemas.settings import PrepareSettings
from schemas.unsubscribe import PATH, read_token

NEW, OLD = "n" * 32, "o" * 32
ASKED = ["--url", "https://waybill.example/", "--tenant", "acme", "--category", "marketing"]


@pytest.fixture
def settings(tmp_path: Path) -> PrepareSettings:
    file = tmp_path / "tenants.toml"
    file.write_text(
        f'[tenants.acme]\nname = "Acme"\nunsubscribe_secrets = ["{NEW}", "{OLD}"]\n[tenants.other]\nname = "Other"\n'
    )
    return PrepareSettings(tenants=file)


def call(settings: PrepareSettings, *arguments: str) -> int:
    parser = ArgumentParser()
    add_arguments(parser)
    return print_link(settings, parser.parse_args([*ASKED, *arguments]))


def test_the_link_is_signed_with_the_newest_secret_and_stands_in_its_headers(
    settings: PrepareSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(settings, "--address", "Ann@Example.org", "--campaign", "spring", "--days", "30") == 0
    url, header, post = capsys.readouterr().out.splitlines()
    assert url.startswith(f"https://waybill.example{PATH}")
    link = read_token(url.rpartition("/")[2], {"acme": [NEW]}, time.time_ns() // 1_000_000)
    assert (link.address, link.category, link.campaign) == ("Ann@Example.org", "marketing", "spring")
    assert link.expires is not None
    assert abs(link.expires - time.time() - 30 * 86_400) < 3600
    assert header == f"List-Unsubscribe: <{url}>"
    assert post == "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--url", "waybill.example"], "--url: expected an address such as"),
        *((["--days", days], "--days: expected a number of days") for days in ("-1", "inf", "nan", "soon")),
    ],
)
def test_arguments_that_no_link_could_have_are_refused(
    settings: PrepareSettings, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        call(settings, "--address", "ann@example.org", *arguments)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--address", "ann"], "--address: expected an email address"),
        (["--address", "ann@example.org", "--category", "receipts"], "--category: "),
        (["--address", "ann@example.org", "--message-id", " "], "--message-id: "),
        (["--address", "ann@example.org", "--tenant", "nobody"], "nobody: expected a tenant of that name"),
        (["--address", "ann@example.org", "--tenant", "other"], "other: expected unsubscribe_secrets"),
    ],
)
def test_where_there_can_be_no_link_a_line_says_why(
    settings: PrepareSettings, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert call(settings, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert told in printed.err
