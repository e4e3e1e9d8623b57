"""`python -m deploy prepare`: creates topics and applies migrations. Other commands beside it are for people."""

import asyncio
import sys

from deploy import unsubscribe_link
from deploy.importing import command as importing
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
    unsubscribe_link.add_arguments(
        commands.add_parser("unsubscribe-link", help="print a signed unsubscribe link and its headers")
    )
    importing.add_arguments(
        commands.add_parser("import", help="bring in a CSV list of suppressions, opt-outs or customers")
    )
    arguments = parser.parse_args()
    if arguments.command == "import":
        sys.exit(importing.run(arguments))
    settings = read_settings(PrepareSettings)
    set_up_logging(settings.log_level)
    if arguments.command == "unsubscribe-link":
        sys.exit(unsubscribe_link.print_link(settings, arguments))
    sys.exit(0 if asyncio.run(prepare(settings, arguments.wait)) else 1)


if __name__ == "__main__":
    main()
