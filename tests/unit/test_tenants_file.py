"""The tenants file on disk: read again on SIGHUP; a faulty one leaves the old one in force."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from runtime.tenants_file import TenantsFile, open_tenants, read_tenants
from schemas.tenants import Tenants, TenantsFault

GOOD = '[tenants.acme]\nname = "Acme"\n'
BETTER = GOOD + '[tenants.other]\nname = "Other"\n'
FAULTY = '[tenants.acme]\nname = 5\nvocabulary = "x"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tenants.toml"
    file.write_text(GOOD)
    return file


def test_a_reload_puts_the_new_tenants_in_force_and_tells_who_listens(path: Path) -> None:
    file = TenantsFile(path)
    told: list[Tenants] = []
    file.on_change(told.append)
    path.write_text(BETTER)
    assert file.reload()
    assert list(file.current) == ["acme", "other"]
    assert told == [file.current]
    assert REGISTRY.get_sample_value("waybill_tenants_reloads_total", {"result": "ok"})


@pytest.mark.parametrize("text", [FAULTY, "[", "\xff"])
def test_a_faulty_file_is_refused_whole_with_every_line_and_the_old_one_stays(
    path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    file = TenantsFile(path)
    before, told = file.current, list[Tenants]()
    file.on_change(told.append)
    path.write_bytes(text.encode("latin-1"))
    assert not file.reload()
    assert file.current is before
    assert told == []
    assert REGISTRY.get_sample_value("waybill_tenants_reloads_total", {"result": "refused"})
    assert all(record.levelno == logging.ERROR for record in caplog.records)
    lines = [record.getMessage() for record in caplog.records]
    assert lines
    if text == FAULTY:
        assert [("line 2" in lines[0], "line 3" in lines[1])] == [(True, True)]


def test_a_file_that_is_gone_leaves_the_old_one_in_force(path: Path) -> None:
    file = TenantsFile(path)
    path.unlink()
    assert not file.reload()
    assert list(file.current) == ["acme"]


async def test_sighup_reads_it_again(path: Path) -> None:
    file = TenantsFile(path)
    changed = asyncio.Event()
    file.on_change(lambda _: changed.set())
    file.reload_on_sighup()
    path.write_text(BETTER)  # noqa: ASYNC240 - a small file
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(changed.wait(), 5)
        assert "other" in file.current
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


def test_a_process_does_not_start_with_a_faulty_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(FAULTY)
    with pytest.raises(SystemExit) as ended:
        open_tenants(path)
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1:3] for line in said] == [
        ["line 2", "tenants.acme.name"],
        ["line 3", "tenants.acme.vocabulary"],
    ]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(TenantsFault, match="expected a readable UTF-8 file"):
        read_tenants(tmp_path / "none.toml")
    with pytest.raises(TenantsFault, match="expected a readable UTF-8 file"):
        read_tenants(tmp_path)
