"""The worker's process: starts the app, serves health and metrics, watches over progress, and stops cleanly."""

import asyncio
import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Any

import uvloop
from aiohttp import web

from processors.agents import Deliveries, RecordAgent, StandingAgent, TrackAgent, declare_agent
from processors.app import create_app
from processors.keeping import Keeper
from processors.outputs import Outputs
from processors.ownership import Ownership
from processors.topics_check import fault_of_topics, partitions_of_topics
from processors.tracking import Tracker
from processors.watchdog import Watchdog
from runtime.cli import read_settings
from runtime.collector import spare_the_collector
from runtime.http import add_operations, start_site, stop_on_signals
from runtime.logs import set_up_logging
from runtime.tenants_file import TenantsFile, open_tenants
from schemas.settings import WorkerSettings
from schemas.tenants import Tenant

log = logging.getLogger(__name__)

SETTLE_S = 3.0
"""How long a stopping worker waits for what is folded to be delivered and committed."""

APP_STOP_S = 4.0
"""How long Faust may take to stop. Together they stay below the ten seconds that a supervisor gives."""


def run_worker() -> int:
    """Runs the worker until SIGINT or SIGTERM, and ends the process; returns a status where it cannot begin."""
    settings = read_settings(WorkerSettings)
    set_up_logging(settings.log_level)
    tenants = open_tenants(settings.tenants)
    for name in ("faust", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        lock = _lock_folder(settings.worker_data)
    except OSError as error:
        log.error("WAYBILL_WORKER_DATA: %s is in use or cannot be written: %s", settings.worker_data, error)
        return 2
    with lock:
        status = 1
        try:
            status = uvloop.run(Worker(settings, tenants).run())
        except Exception:
            log.exception("the worker failed")
        finally:
            # Faust's consumer thread is not a daemon: where it does not end, neither would the process.
            logging.shutdown()
            os._exit(status)


def _lock_folder(folder: Path) -> IO[str]:
    """Makes the folder this process's own. Raises OSError where another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


class Worker:
    """One worker: the Faust app with its outputs, from start to end."""

    def __init__(self, settings: WorkerSettings, tenants: TenantsFile) -> None:
        self.settings = settings
        self.tenants = tenants
        self.stop = asyncio.Event()
        self.watchdog: Watchdog | None = None

    async def run(self) -> int:
        """Waits for Kafka, works until told to stop, and stops; the exit status."""
        stop_on_signals(self.stop)
        self.tenants.reload_on_sighup()
        settings = self.settings
        application = web.Application()
        add_operations(application, self._ready)
        site = await start_site(application, settings.worker_host, settings.worker_port)
        log.info("health and metrics on http://%s:%d", settings.worker_host, settings.worker_port)
        try:
            found = await self._unless_stopped(partitions_of_topics(settings.kafka))
            if found is None:
                return 0
            if fault := fault_of_topics(found, settings.partitions):
                log.error("%s", fault)
                return 1
            return await self._work()
        finally:
            await site.cleanup()
            log.info("stopped")

    async def _work(self) -> int:
        settings = self.settings
        ownership = Ownership(settings.session_timeout_s)
        app, tables = create_app(settings, ownership)
        deliveries = Deliveries(app, tables)
        outputs = Outputs(settings.kafka, ownership, deliveries.delivered)
        app.settle = outputs.settled
        tracker = Tracker(settings.epoch, settings.state_days, settings.partitions)
        keeper = Keeper(settings.epoch, self._soft_bounce_limit)
        agents: list[RecordAgent] = [
            TrackAgent(app, outputs, tables.messages, tracker),
            StandingAgent(app, outputs, tables.addresses, tables.consents, keeper),
        ]
        for agent in agents:
            declare_agent(app, agent)
            deliveries.agents[agent.source.name] = agent
        self.watchdog = Watchdog(app, agents)
        await outputs.start()
        app.finalize()
        working = asyncio.create_task(self._run_app(app), name="app")
        watching = asyncio.create_task(self.watchdog.watch(), name="watchdog")
        stopping = asyncio.create_task(self.stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        crashed = not self.stop.is_set()
        if crashed:
            log.error("the app has stopped by itself: %r", app.crash_reason)
        watching.cancel()
        await self._stop(app, ownership, outputs, settle=not crashed)
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, watching, stopping, return_exceptions=True)
        return 1 if crashed else 0

    def _soft_bounce_limit(self, tenant: str) -> int:
        """That of the tenants file in force; the default for a tenant that is no longer there."""
        tenants = self.tenants.current
        return (
            tenants[tenant].soft_bounce_limit if tenant in tenants else Tenant(name=tenant).soft_bounce_limit
        )

    async def _run_app(self, app: Any) -> None:
        await app.start()
        spare_the_collector()
        await app.wait_until_stopped()

    async def _stop(self, app: Any, ownership: Ownership, outputs: Outputs, *, settle: bool) -> None:
        """Finishes what is folded, commits, closes the stores and leaves; in bounded time, come what may."""
        ownership.generation = None
        ownership.close()
        if settle:
            try:
                async with asyncio.timeout(SETTLE_S):
                    await outputs.settled()
                    await app.consumer.commit()
            except Exception as error:
                log.warning("stopping without having delivered or committed everything: %r", error)
        try:
            async with asyncio.timeout(APP_STOP_S):
                await outputs.stop()
                await app.stop()
        except TimeoutError:
            log.warning("Faust did not stop within %g s", APP_STOP_S)

    async def _unless_stopped(self, coroutine: Any) -> Any:
        """The result of the coroutine, None where the process is to stop before."""
        task, stopping = asyncio.create_task(coroutine), asyncio.create_task(self.stop.wait())
        await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self.stop.is_set():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        return task.result()

    async def _ready(self) -> tuple[bool, dict[str, Any]]:
        if self.watchdog is None:
            return False, {"reason": "waiting for Kafka"}
        return self.watchdog.ready()
