"""Writes entries of the tenants' log to Kafka, where every query server reads them."""

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer

from query.pace import first_end
from runtime.kafka import open_producer
from schemas.tenant_log import SCHEMA, TenantNote
from schemas.topics import TENANT_LOG, key_part

_HEADERS = [("schema", SCHEMA.encode())]
_TIMEOUT_S = 5.0


class TenantsLog:
    """A producer that is opened when first needed, and anew after a failure. Create it in the running event loop."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._writing = asyncio.Lock()

    async def write(self, note: TenantNote) -> None:
        """Returns when Kafka has the entry. Raises KafkaError, OSError or TimeoutError; it may have it even so."""
        async with self._writing:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await first_end(self._write(note))
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Closes the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await producer.stop()

    async def _write(self, note: TenantNote) -> None:
        if self._producer is None:
            self._producer = open_producer(self._bootstrap, "waybill-query")
            await self._producer.start()
        # By its key all of a tenant is in one partition, so that readers agree on the order.
        key = key_part(note.tenant).encode()
        await self._producer.send_and_wait(TENANT_LOG.name, note.to_json(), key, headers=_HEADERS)
