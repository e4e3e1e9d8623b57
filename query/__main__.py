"""Runs the query server: `python -m query`."""

import asyncio
import logging
import sys

from query.app import make_app
from query.context import Context
from query.lag import Lag
from query.limits import LimitsFault
from runtime.cli import parser_of, read_settings
from runtime.clickhouse import ClickHouse
from runtime.collector import spare_the_collector
from runtime.http import start_site, stop_on_signals
from runtime.logs import set_up_logging
from runtime.tenants_file import open_tenants
from schemas.settings import QuerySettings

log = logging.getLogger(__name__)


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    parser_of("python -m query", "Answers questions from ClickHouse over HTTP.", QuerySettings).parse_args()
    settings = read_settings(QuerySettings)
    set_up_logging(settings.log_level)
    asyncio.run(_serve(settings))


async def _serve(settings: QuerySettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    tenants = open_tenants(settings.tenants)
    tenants.reload_on_sighup()
    store = ClickHouse(settings.clickhouse, timeout_s=settings.query_timeout_s)
    try:
        app = make_app(Context(settings, tenants, store, Lag(settings.kafka)))
    except LimitsFault as fault:
        sys.exit(f"{settings.limits}: {fault}")
    site = await start_site(app, settings.query_host, settings.query_port, handler_cancellation=True)
    spare_the_collector()
    log.info("query: http://%s:%d", settings.query_host, settings.query_port)
    await stop.wait()
    await site.cleanup()
    log.info("query: stopped")


if __name__ == "__main__":
    main()
