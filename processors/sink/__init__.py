"""`python -m processors sink`: from Kafka's topics into ClickHouse's tables, in batches, exact after repeats."""

import asyncio
import logging

import uvloop

from processors.sink.app import Sink
from runtime.cli import read_settings
from runtime.collector import spare_the_collector
from runtime.http import start_site, stop_on_signals
from runtime.logs import set_up_logging
from schemas.settings import SinkSettings

log = logging.getLogger(__name__)


def main() -> int:
    """Runs the sink until SIGINT or SIGTERM; its exit status. Settings come from the environment."""
    settings = read_settings(SinkSettings)
    set_up_logging(settings.log_level)
    # As in ingest: what the sink does is for the most part the loop's own work.
    uvloop.run(_serve(settings))
    return 0


async def _serve(settings: SinkSettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    sink = Sink(settings)
    site = await start_site(sink.app(), settings.sink_host, settings.sink_port)
    log.info("sink: health and metrics on http://%s:%d", settings.sink_host, settings.sink_port)
    spare_the_collector()
    try:
        await sink.run(stop)
    finally:
        await site.cleanup()
    log.info("sink: stopped")
