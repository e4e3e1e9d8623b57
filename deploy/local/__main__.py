"""`python -m deploy.local`, which is what `make run` runs."""

import asyncio
import sys

from deploy.local.supervisor import supervise
from runtime.cli import parser_of, read_settings
from schemas.settings import LocalSettings


def main() -> None:
    """Runs everything on this machine until it is told to stop."""
    parser_of("python -m deploy.local", "Runs everything on this machine.", LocalSettings).parse_args()
    settings = read_settings(LocalSettings)
    try:
        sys.exit(asyncio.run(supervise(settings)))
    except KeyboardInterrupt:  # before there was anything to stop
        sys.exit(130)


if __name__ == "__main__":
    main()
