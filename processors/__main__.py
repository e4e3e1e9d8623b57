"""`python -m processors worker` and `python -m processors sink`."""

import signal
import sys

from runtime.cli import parser_of
from schemas.settings import SinkSettings, WorkerSettings


def main() -> int:
    """Runs the part that the command line names; its exit status."""
    parser = parser_of(
        "python -m processors",
        "worker: folds receipts into events and statuses. sink: moves topics into ClickHouse.",
        WorkerSettings,
        SinkSettings,
    )
    parser.add_argument("part", choices=("worker", "sink"))
    # It means to read the tenants file again. The sink does not read it and shall not die of it, nor the worker too early.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Each part imports what it needs only when it is the one that runs: Faust and the ClickHouse client are large.
    if parser.parse_args().part == "worker":
        from processors.worker import run_worker

        return run_worker()
    from processors.sink import main as run_sink

    run_sink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
