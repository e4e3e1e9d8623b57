"""Sees to it that the worker gets on: Faust can stop consuming without a word.

Where Kafka confirms the membership but neither a record is acknowledged nor a recovery moves, although there is
something to do, the process leaves, and the supervisor starts it anew. So it does where Kafka answers whoever asks it
anew, but the consumer has not had its membership confirmed for longer than any rebalance takes. While Kafka is away, the
worker stays and waits.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from faust.types import TP

from processors.agents import RecordAgent
from processors.app import TrackApp
from processors.ownership import leave_at_once, now_s
from runtime.kafka import open_admin
from runtime.metrics import WORKER_LAG

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
STUCK_AFTER_S = 60.0


def unconfirmed_after_s(rebalance_timeout_s: float) -> float:
    """How long the membership may stay unconfirmed while Kafka answers, in seconds: more than a rebalance may last."""
    return STUCK_AFTER_S + 2 * rebalance_timeout_s


class Watchdog:
    """Looks at the lag of every partition and at the progress made since."""

    def __init__(self, app: TrackApp, agents: Sequence[RecordAgent]) -> None:
        self._app = app
        self._agents = {agent.source.name: agent for agent in agents}
        self._lag: dict[TP, int] = {}
        self._seen: Any = None
        self._progress_at = now_s()
        self._confirmed_or_away_at = now_s()

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether partitions are assigned and recovered, and how far behind they are, in records."""
        app = self._app
        able = app.ownership.generation is not None and not app.rebalancing
        lag: dict[str, dict[str, int]] = {}
        for tp, records in sorted(self._lag.items()):
            lag.setdefault(tp.topic, {})[str(tp.partition)] = records
        return able, {"lag": lag}

    async def watch(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._measure_lag()
            except Exception as error:
                log.debug("lag cannot be measured now: %r", error)
            self._judge()
            await self._judge_membership()

    async def _measure_lag(self) -> None:
        able, _ = self.ready()
        if not able:
            return
        consumer = self._app.consumer
        owned = [tp for tp in consumer.assignment() if tp.topic in self._agents]
        ends = await consumer.highwaters(*owned) if owned else {}
        lag = {}
        for found, end in ends.items():
            tp = TP(found.topic, found.partition)
            lag[tp] = end - self._position(tp)
        for tp in self._lag.keys() - lag.keys():
            WORKER_LAG.remove(tp.topic, str(tp.partition))
        for tp, records in lag.items():
            WORKER_LAG.labels(tp.topic, str(tp.partition)).set(records)
        self._lag = lag

    def _position(self, tp: TP) -> int:
        return self._agents[tp.topic].acknowledged.get(tp) or self._app.committed(tp)

    def _judge(self) -> None:
        app = self._app
        seen = (
            [dict(agent.acknowledged) for agent in self._agents.values()],
            app.recovery_remaining(),
            app.ownership.generation,
        )
        able, _ = self.ready()
        idle = able and not any(self._lag.values())
        if idle or seen != self._seen or not app.ownership.fresh:
            self._seen = seen
            self._progress_at = now_s()
        elif now_s() - self._progress_at > STUCK_AFTER_S:
            leave_at_once(f"no progress for {STUCK_AFTER_S:g} s, behind by {self._lag} records")

    async def _judge_membership(self) -> None:
        app = self._app
        if app.ownership.fresh or not await self._kafka_answers():
            self._confirmed_or_away_at = now_s()
        limit_s = unconfirmed_after_s(app.conf.broker_rebalance_timeout)
        if now_s() - self._confirmed_or_away_at > limit_s:
            leave_at_once(f"Kafka answers, but has not confirmed the membership for {limit_s:g} s")

    async def _kafka_answers(self) -> bool:
        """Whether a connection of its own gets an answer; the consumer's may be what is stuck."""
        admin = open_admin(self._app.bootstrap, "waybill-worker-watchdog")
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await admin.start()
        except Exception as error:
            log.debug("Kafka does not answer now: %r", error)
            return False
        finally:
            await admin.close()
        return True
