"""The embedded ClickHouse: its engine (chDB) behind ClickHouse's HTTP interface, its data in one folder.

Every other part uses the one HTTP client of production. Tests and the bench start it with
`with EmbeddedClickHouse(folder) as clickhouse:`; it runs as `python -m deploy.local.clickhouse --data FOLDER --port PORT`.
"""

import os
import sys

from deploy.local.process import EmbeddedServer, http_status


class EmbeddedClickHouse(EmbeddedServer):
    """The server as a process of its own."""

    name = "clickhouse"

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        place = ["--data", str(self.folder / "data"), "--port", str(self.port)]
        return [sys.executable, "-m", "deploy.local.clickhouse", *place]

    def answers(self) -> bool:
        return http_status(self.port, "/ping") == 200


if __name__ == "__main__":
    # As servers have it: what a query answers must not depend on where the laptop is.
    os.environ["TZ"] = "UTC"
    # Here, since the engine takes 300 MB that whoever only starts it need not have.
    from deploy.local.clickhouse_server import main

    main()
