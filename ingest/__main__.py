"""`python -m ingest`: takes the providers' callbacks."""

import logging
import sys

import uvloop

from ingest.app import serve
from runtime.cli import parser_of, read_settings
from runtime.logs import set_up_logging
from runtime.tenants_file import open_tenants
from schemas.settings import IngestSettings


def main() -> int:
    """Runs ingest; the exit status is 0 after a signal, 1 where the port is taken, 2 where a setting is faulty."""
    parser_of(
        "python -m ingest", "Takes, verifies and stores the providers' callbacks.", IngestSettings
    ).parse_args()
    settings = read_settings(IngestSettings)
    set_up_logging(settings.log_level)
    if settings.log_level != "debug":
        logging.getLogger("aiokafka").setLevel(
            logging.CRITICAL
        )  # it repeats many times a second what ingest says once
    try:
        # A callback costs a tenth less on uvloop than on asyncio's own loop (docs/benchmarks.md).
        uvloop.run(serve(settings, open_tenants(settings.tenants)))
    except OSError as fault:
        logging.getLogger("ingest").error("cannot listen: %s", fault)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
