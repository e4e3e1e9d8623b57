"""What a local run settles before it starts anything: its home, its ports, its demo tenant."""

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from deploy.local import demo_tenant, endpoints
from deploy.local.endpoints import Endpoints
from deploy.local.process import free_port, is_free
from deploy.local.supervisor import CannotStart, Ports, alone_on
from schemas.settings import LocalSettings
from schemas.tenants import parse_tenants

SOMEWHERE = Endpoints(
    1, "http://a", "http://b", "http://c", "http://d", "127.0.0.1:1", "http://127.0.0.1:2/waybill", "t", None
)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def local(**settings: object) -> LocalSettings:
    defaults = {"ingest_port": 0, "query_port": 0, "worker_port": 0, "sink_port": 0}
    return LocalSettings.model_validate(defaults | settings)


def test_a_second_run_on_the_same_home_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        alone_on(tmp_path),
        pytest.raises(CannotStart, match=rf"in use by another run \(process {os.getpid()}\)"),
        alone_on(tmp_path),
    ):
        pass
    with alone_on(tmp_path):
        pass


def test_a_port_that_is_taken_is_named_with_its_setting(taken: int) -> None:
    with pytest.raises(CannotStart, match=rf"port {taken} is taken .* WAYBILL_INGEST_PORT"):
        Ports(local(ingest_port=taken), None)
    with pytest.raises(CannotStart, match=rf"port {taken} is taken .* WAYBILL_SINK_PORT"):
        Ports(local(sink_port=taken), None)


def test_ports_that_were_asked_for_are_used_and_all_are_different() -> None:
    asked = free_port()
    ports = Ports(local(query_port=asked), None)
    assert ports.query == asked
    assert len({ports.ingest, ports.query, ports.worker, ports.sink, ports.kafka, ports.clickhouse}) == 6


def test_the_servers_keep_the_ports_of_the_run_before_where_these_are_free(taken: int) -> None:
    former = replace(
        SOMEWHERE, kafka=f"127.0.0.1:{free_port()}", clickhouse=f"http://127.0.0.1:{taken}/waybill"
    )
    ports = Ports(local(), former)
    assert f"127.0.0.1:{ports.kafka}" == former.kafka
    assert ports.clickhouse != taken and is_free(ports.clickhouse)


def test_endpoints_are_read_as_they_were_written_and_rubbish_is_none(tmp_path: Path) -> None:
    assert endpoints.read(tmp_path) is None
    endpoints.write(tmp_path, SOMEWHERE)
    assert endpoints.read(tmp_path) == SOMEWHERE
    endpoints.file_of(tmp_path).write_text('{"ingest": 1}')
    assert endpoints.read(tmp_path) is None


def test_the_demo_tenant_is_made_once_and_fits_the_tenants_file_s_rules(tmp_path: Path) -> None:
    assert demo_tenant.load(tmp_path) is None
    made = demo_tenant.load_or_make(tmp_path)
    assert demo_tenant.load_or_make(tmp_path) == demo_tenant.load(tmp_path) == made
    tenants = parse_tenants(made.tenants_file.read_text())
    principal = tenants.principal(made.key)
    assert principal is not None and principal.tenant == made.name and "read" in principal.scopes
    assert tenants[made.name].sns_topics == [made.topic]
    assert tenants[made.name].twilio[0].auth_tokens == [made.auth_token]
    assert made.key not in made.tenants_file.read_text()


def test_another_home_has_another_demo_tenant(tmp_path: Path) -> None:
    one, other = demo_tenant.load_or_make(tmp_path / "a"), demo_tenant.load_or_make(tmp_path / "b")
    assert one.key != other.key and one.auth_token != other.auth_token


def test_the_demo_tenant_s_secrets_are_their_owner_s_alone_and_its_certificate_is_that_of_its_key(
    tmp_path: Path,
) -> None:
    made = demo_tenant.load_or_make(tmp_path)
    for file in made.folder.iterdir():
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    signer = made.signer()
    certificate = made.certificates / signer.certificate_url.rsplit("/", 1)[1]
    assert load_pem_x509_certificate(certificate.read_bytes()).public_key() == signer._key.public_key()


def test_an_interrupted_making_of_the_demo_tenant_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "demo.partial").mkdir()
    (tmp_path / "demo.partial" / "secrets.json").write_text("{")
    assert demo_tenant.load_or_make(tmp_path).tenants_file.exists()
