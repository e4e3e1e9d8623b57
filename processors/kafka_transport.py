"""Faust's Kafka transport, where Faust 0.15.3 and aiokafka 0.14 have to behave otherwise than they do by themselves."""

import logging
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from processors.ownership import now_s

FAUST_LOG = logging.getLogger("faust")
"""Where Faust's services log, those that are subclassed here as well."""

FETCH_WAIT_MS = 100
"""aiokafka has one fetch under way per broker, for the partitions that it holds no data of. With Faust's 1,500 ms a
partition that just delivered could wait so long before it is asked again."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which the consumer lives; tells the app's ownership what Kafka confirms."""

    logger = FAUST_LOG
    app: Any

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        """Starts the consumer and listens to its heartbeats."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        ownership = self.app.ownership
        heartbeat, reset, joined = (
            coordinator._do_heartbeat,
            coordinator.reset_generation,
            coordinator._on_join_complete,
        )

        async def do_heartbeat() -> bool:
            asked_at = now_s()
            known: bool = await heartbeat()
            if known:
                ownership.confirmed(asked_at)
            return known

        def reset_generation() -> None:
            ownership.lost("Kafka does not know its id or its generation")
            reset()

        async def on_join_complete(*args: Any) -> None:
            # Kafka has just handed out this assignment: that is as good as a heartbeat.
            ownership.confirmed(now_s())
            await joined(*args)

        coordinator._do_heartbeat = do_heartbeat
        coordinator.reset_generation = reset_generation
        coordinator._on_join_complete = on_join_complete


class Consumer(driver.Consumer):
    """The consumer as the worker's thread sees it."""

    logger = FAUST_LOG
    app: Any

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Before anything else, what was folded is delivered, acknowledged and committed."""
        await self.app.before_revocation()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """From here on the records of the new generation count."""
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.after_assignment(assigned, generation_id)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue makes the conductor wait, which is enough.

        Faust would take the partition out of the fetch, and where that happens to all of them, sleep for a second.
        """

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the watchdog looks at what was really acknowledged."""


class Transport(driver.Transport):
    """Makes the consumers above."""

    Consumer = Consumer
