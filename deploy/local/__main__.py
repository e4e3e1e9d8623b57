"""`python -m deploy.local`, which is what `make run` runs."""

import signal

# Until there is something to stop, Ctrl-C just ends this, and without a traceback of what was being imported.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio  # noqa: E402
import sys  # noqa: E402

from deploy.local.supervisor import supervise  # noqa: E402
from runtime.cli import parser_of, read_settings  # noqa: E402
from schemas.settings import LocalSettings  # noqa: E402


def main() -> None:
    """Runs everything on this machine until it is told to stop."""
    parser_of("python -m deploy.local", "Runs everything on this machine.", LocalSettings).parse_args()
    sys.exit(asyncio.run(supervise(read_settings(LocalSettings))))


if __name__ == "__main__":
    main()
