"""Settings: declared once, read from the environment, listed by --help, and told by name when they are faulty."""

import pytest
from pydantic import ValidationError

from runtime.cli import describe_settings, parser_of, read_settings
from schemas import settings
from schemas.settings import IngestSettings, QuerySettings, Settings


def _kinds() -> list[type[Settings]]:
    found = [kind for kind in vars(settings).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, Settings)]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_every_setting_has_a_meaning_and_stands_in_the_help(kind: type[Settings]) -> None:
    told = describe_settings(kind)
    for name, field in kind.model_fields.items():
        assert field.description
        assert f"WAYBILL_{name.upper()}\n      {field.description}" in told


def test_the_names_that_other_peoples_programs_depend_on_are_there() -> None:
    names = {f"WAYBILL_{name.upper()}" for kind in _kinds() for name in kind.model_fields}
    assert names >= {
        "WAYBILL_HOME",
        "WAYBILL_KAFKA",
        "WAYBILL_CLICKHOUSE",
        "WAYBILL_INGEST_PORT",
        "WAYBILL_QUERY_PORT",
        "WAYBILL_TENANTS",
        "WAYBILL_SNS_CERTS",
        "WAYBILL_PUBLIC_URL",
    }


def test_a_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYBILL_INGEST_PORT", "1234")
    monkeypatch.setenv("WAYBILL_KAFKA", "a:1,b:2")
    monkeypatch.setenv("WAYBILL_SOMETHING_ELSE", "x")
    found = read_settings(IngestSettings)
    assert (found.ingest_port, found.kafka, found.max_body_bytes) == (1234, "a:1,b:2", 768 * 1024)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYBILL_INGEST_PORT", "x"),
        ("WAYBILL_INGEST_PORT", "65536"),
        ("WAYBILL_KAFKA", "localhost"),
        ("WAYBILL_KAFKA", "a:1,b"),
        ("WAYBILL_LOG_LEVEL", "loud"),
        ("WAYBILL_PUBLIC_URL", "hooks.example.com"),
        ("WAYBILL_PUBLIC_URL", "https://hooks.example.com/?a"),
        ("WAYBILL_STORE_TIMEOUT_S", "15"),
        ("WAYBILL_STORE_TIMEOUT_S", "0"),
        ("WAYBILL_MAX_BODY_BYTES", "3000000"),
        ("WAYBILL_INGEST_REUSE_PORT", "perhaps"),
    ],
)
def test_a_faulty_setting_ends_the_process_with_its_name_and_not_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        read_settings(IngestSettings)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("system", True), ("off", True), ("192.0.2.1", True), ("192.0.2.1#5353", True), ("2001:db8::1#53", True),
        ("on", False), ("dns.example.com", False), ("192.0.2.1:53", False), ("192.0.2.1#x", False), ("", False),
    ],
)  # fmt: skip
def test_a_name_server_is_told_by_its_ip_address(
    monkeypatch: pytest.MonkeyPatch, value: str, taken: bool
) -> None:
    monkeypatch.setenv("WAYBILL_DNS", value)
    if taken:
        assert read_settings(QuerySettings).dns == value
    else:
        with pytest.raises(SystemExit):
            read_settings(QuerySettings)


def test_settings_do_not_change_once_they_are_read() -> None:
    found = IngestSettings()
    with pytest.raises(ValidationError):
        found.ingest_port = 5  # type: ignore[misc]


def test_help_names_each_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser_of("python -m ingest", "Takes callbacks.", IngestSettings).parse_args(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "Takes callbacks." in said
    assert "WAYBILL_INGEST_PORT\n      port to listen on (default: 8080)" in said
    assert "WAYBILL_SNS_CERTS\n" in said and "(default: unset)" in said
