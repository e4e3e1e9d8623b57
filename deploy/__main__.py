"""`python -m deploy prepare`: creates topics and applies migrations."""

import asyncio
import sys

from deploy.prepare import prepare
from runtime.cli import parser_of, read_settings
from runtime.logs import set_up_logging
from schemas.settings import PrepareSettings


def main() -> None:
    parser = parser_of("python -m deploy", "Prepares Kafka and ClickHouse for the parts.", PrepareSettings)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="create topics and apply migrations; can be repeated")
    preparing.add_argument(
        "--wait", type=float, default=60, help="seconds to wait for the servers (default: %(default)g)"
    )
    arguments = parser.parse_args()
    settings = read_settings(PrepareSettings)
    set_up_logging(settings.log_level)
    sys.exit(0 if asyncio.run(prepare(settings, arguments.wait)) else 1)


if __name__ == "__main__":
    main()
