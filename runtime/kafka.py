"""How Waybill's parts open Kafka: the choices that producers, consumers and admin clients share."""

import functools
from collections.abc import Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

from schemas.topics import MAX_RECORD_BYTES

_REQUEST_OVERHEAD_BYTES = 64 * 1024
"""What a record's frame and headers may take beside its value."""


def _told_as_lost(send: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a request over a connection that is closed already fail with KafkaConnectionError on uvloop too.

    uvloop's transport raises RuntimeError there, which aiokafka 0.14 does not expect (aiokafka#1038): it ended the task
    that keeps metadata up to date, and a consumer whose broker was restarted then waited for ever.
    """

    @functools.wraps(send)
    def send_or_lose(connection: Any, *args: Any, **options: Any) -> Any:
        try:
            return send(connection, *args, **options)
        except RuntimeError as error:
            if connection._writer is None or not connection._writer.transport.is_closing():
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            lost = f"Connection at {connection.host}:{connection.port} closed: {error}"
            raise KafkaConnectionError(lost) from error

    return send_or_lose


_CONNECTION: Final[Any] = AIOKafkaConnection
_CONNECTION.send = _told_as_lost(_CONNECTION.send)


def open_producer(bootstrap: str, client: str, **options: Any) -> AIOKafkaProducer:
    """A producer that waits for all in-sync replicas, not started; create it in the running event loop.

    No idempotence: an idempotent one can stick on OutOfOrderSequenceNumber until it is restarted
    (aiokafka#1017), and content identity makes repeats harmless. `client` is its name in Kafka's logs;
    `options` are aiokafka's.
    """
    defaults: dict[str, Any] = {
        "acks": "all",
        "max_batch_size": MAX_RECORD_BYTES,
        "max_request_size": MAX_RECORD_BYTES + _REQUEST_OVERHEAD_BYTES,
    }
    return AIOKafkaProducer(bootstrap_servers=bootstrap, client_id=client, **defaults | options)


def open_consumer(
    bootstrap: str, client: str, *topics: str, instance: str = "", **options: Any
) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself, not started; create it in the running event loop.

    With `instance` (WAYBILL_INSTANCE) and a `group_id` it is a static member: restarted under the same name
    it takes its partitions over at once instead of after the session timeout. `options` are aiokafka's.
    """
    defaults: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": MAX_RECORD_BYTES + _REQUEST_OVERHEAD_BYTES,
        "group_instance_id": f"{client}-{instance}" if instance and options.get("group_id") else None,
    }
    return AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, client_id=client, **defaults | options)


def open_admin(bootstrap: str, client: str, **options: Any) -> AIOKafkaAdminClient:
    """An admin client, not started; create it in the running event loop. `options` are aiokafka's."""
    return AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=client, **options)


def open_client(bootstrap: str, client: str, **options: Any) -> AIOKafkaClient:
    """What lies under producers and consumers: connections and metadata, for who writes whole requests itself.

    Not connected; create it in the running event loop. `options` are aiokafka's.
    """
    return AIOKafkaClient(bootstrap_servers=bootstrap, client_id=client, **options)
