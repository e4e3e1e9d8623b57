"""Every setting of Waybill: environment variable, default, meaning. Each part takes the ones of its class.

A setting is the variable WAYBILL_<NAME IN CAPITALS>. `python -m <part> --help` lists them from here.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "WAYBILL_"

Port = Annotated[int, Field(ge=0, le=65535)]


def _loopback_list(value: str) -> str:
    for server in value.split(","):
        host, colon, port = server.strip().rpartition(":")
        if not (host and colon and port.isdigit()):
            raise ValueError(f"expected host:port[,host:port…], got {server!r}")
    return value


class Settings(BaseSettings):
    """What every part has."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="least level of what is logged"
    )


class KafkaSettings(Settings):
    """Where Kafka is."""

    kafka: Annotated[str, AfterValidator(_loopback_list)] = Field(
        "127.0.0.1:9092",
        description="bootstrap servers, host:port separated by commas; in make run unset = the embedded broker",
    )
    instance: str = Field(
        "",
        description="name of this process among those of its kind, unique and the same after a restart "
        "(Kafka's group.instance.id): a restarted process then takes over at once; empty = none",
    )


class ClickHouseSettings(Settings):
    """Where ClickHouse is."""

    clickhouse: str = Field(
        "http://127.0.0.1:8123",
        description="URL, http[s]://[user:password@]host:port[/database]; in make run unset = the embedded engine",
    )


class TenantsSettings(Settings):
    """Who may post and read."""

    tenants: Path = Field(Path("tenants.toml"), description="path of the tenants file, read again on SIGHUP")


class IngestSettings(KafkaSettings, TenantsSettings):
    """Settings of `python -m ingest`."""

    ingest_host: str = Field("127.0.0.1", description="address to listen on")
    ingest_port: Port = Field(8080, description="port to listen on")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/?#@\s]+(/[^?#\s]*)?)?$",
        description="base URL under which Twilio reaches this server, for its signatures; empty = http://<host>:<port>",
    )
    sns_certs: Path | None = Field(
        None,
        description="folder of PEM certificates, named by the last part of the certificate URL's path; looked in first",
    )
    max_body_bytes: int = Field(
        768 * 1024, ge=1024, le=2 * 1024 * 1024, description="largest body taken, bytes; a larger one is 413"
    )
    max_list_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1024,
        description="largest body of what an application registers, bytes; each thing of it has at most WAYBILL_MAX_BODY_BYTES",
    )
    store_timeout_s: float = Field(
        3.0, gt=0, le=14, description="how long a request waits for Kafka before it is answered 503, seconds"
    )
    batch_wait_ms: float = Field(
        10.0, ge=0, le=1000, description="longest wait for others to be written together with, ms"
    )
    max_batch_bytes: int = Field(
        512 * 1024, ge=1024, le=3 * 1024 * 1024, description="largest record of several envelopes, bytes"
    )
    max_waiting_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        description="bytes of bodies that may wait for Kafka before further requests are answered 503",
    )
    certificate_timeout_s: float = Field(
        5.0, gt=0, le=14, description="how long a fetch of a certificate may take, seconds"
    )
    body_timeout_s: float = Field(
        10.0,
        gt=0,
        le=60,
        description="how long a body may take to arrive before its request is answered 503, seconds",
    )
    ingest_reuse_port: bool = Field(
        False,
        description="let several processes of ingest listen on one port (SO_REUSEPORT), the kernel shares the requests out",
    )


class StateSettings(KafkaSettings):
    """What the topics and the state of messages have in common."""

    partitions: int = Field(
        4, ge=1, le=1024, description="partitions of every topic, fixed when they are created"
    )
    replication: int = Field(
        1, ge=1, le=9, description="replicas of every topic, fixed when they are created"
    )
    state_days: int = Field(
        60, ge=1, le=3650, description="days that the state of a message lives; later events count as late"
    )


class WorkerSettings(StateSettings, TenantsSettings):
    """Settings of `python -m processors worker`."""

    worker_host: str = Field("127.0.0.1", description="address of the worker's health and metrics")
    worker_port: Port = Field(8082, description="port of the worker's health and metrics")
    worker_data: Path = Field(
        Path(".waybill/worker"), description="folder of the worker's RocksDB tables, of this process alone"
    )
    epoch: int = Field(
        1,
        ge=0,
        lt=2**23,
        description="rises when the receipts topic is recreated, repartitioned or rebuilt; high part of every revision",
    )
    session_timeout_s: float = Field(
        10.0, ge=1, description="after how long without a heartbeat Kafka gives a worker's partitions away"
    )
    heartbeat_s: float = Field(3.0, gt=0, description="time between two heartbeats, seconds")


class SinkSettings(KafkaSettings, ClickHouseSettings):
    """Settings of `python -m processors sink`."""

    sink_host: str = Field("127.0.0.1", description="address of the sink's health and metrics")
    sink_port: Port = Field(8083, description="port of the sink's health and metrics")
    sink_batch_rows: int = Field(50_000, ge=1, description="rows after which a batch is inserted")
    sink_batch_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="bytes after which a batch is inserted"
    )
    sink_batch_wait_s: float = Field(
        0.5,
        gt=0,
        le=60,
        description="seconds after which a batch of statuses is inserted; receipts may wait 4 times as long, events twice",
    )


def _name_server(value: str) -> str:
    if value in ("system", "off"):
        return value
    address, _, port = value.partition("#")
    try:
        ip_address(address)
        int(port or 53)
    except ValueError:
        raise ValueError("expected system, off, or an IP address with or without #port") from None
    return value


class QuerySettings(KafkaSettings, ClickHouseSettings, TenantsSettings):
    """Settings of `python -m query`."""

    query_host: str = Field("127.0.0.1", description="address to listen on")
    query_port: Port = Field(8081, description="port to listen on")
    query_timeout_s: float = Field(
        30.0, gt=0, description="after how long a query to ClickHouse is given up, seconds"
    )
    sendability_stale_s: float = Field(
        10.0,
        gt=0,
        description="how old standings and consents in memory may be before /v1/sendability is answered 503, seconds",
    )
    limits: Path | None = Field(
        None, description="path of a file of limits and accepted rates; unset = query/limits.toml"
    )
    ingest_url: str = Field(
        "http://127.0.0.1:8080",
        pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
        description="base URL of ingest, to which the console sends what people change; in make run the one that it started",
    )
    console_secret: str = Field(
        "",
        pattern=r"^(.{32,})?$",
        repr=False,
        description="at least 32 characters that the console's sessions are encrypted with, the same in all processes "
        "of query; unset = fresh ones per start, in make run kept under WAYBILL_HOME",
    )
    console_https: bool = Field(
        False,
        description="whether the console is always reached over https, so that its cookies are never sent otherwise; "
        "false = where X-Forwarded-Proto says so",
    )
    dns: Annotated[str, AfterValidator(_name_server)] = Field(
        "system",
        description="name server asked for SPF, DKIM and DMARC of senders: system, off, or IP[#port]",
    )


class PrepareSettings(StateSettings, ClickHouseSettings, TenantsSettings):
    """Settings of `python -m deploy prepare`."""


class LocalSettings(Settings):
    """Settings of `make run` beside those of the parts that it starts."""

    home: Path = Field(Path(".waybill"), description="folder of all data of a local run")
    kafka: str = Field("", description="bootstrap servers to use instead of the embedded broker")
    clickhouse: str = Field("", description="URL of a ClickHouse to use instead of the embedded engine")
    ingest_port: Port = Field(8080, description="port of ingest")
    query_port: Port = Field(8081, description="port of query")
    worker_port: Port = Field(0, description="port of the worker's health and metrics; 0 = a free one")
    sink_port: Port = Field(0, description="port of the sink's health and metrics; 0 = a free one")
    tenants: Path | None = Field(
        None, description="path of the tenants file; unset = a demo tenant made under the home"
    )
    sns_certs: Path | None = Field(
        None, description="folder of SNS certificates; unset = that of the demo tenant, if there is one"
    )
