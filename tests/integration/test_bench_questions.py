"""What the stage `queries` asks is asked of a real query server."""

import time
from pathlib import Path

from aiohttp.test_utils import make_mocked_request
from yarl import URL

from bench.questions import SAMPLED, questions, samples_of
from tests.integration.query_stage import QueryServer, write_tenants


async def test_whatever_the_bench_asks_is_a_question_that_the_server_takes(
    clickhouse: str, tmp_path: Path
) -> None:
    # Nobody has these, so that what is of one thing is not found; all else is answered.
    samples = samples_of({name: [{"value": f"some.{name}@x"}] for name in SAMPLED})
    askings = [
        asking for question in questions(samples, int(time.time() * 1000)) for asking in question.askings
    ]
    async with QueryServer(clickhouse, "127.0.0.1:1", write_tenants(tmp_path / "tenants.toml")) as server:
        for path, given in askings:
            url = URL(path).extend_query(list(given))
            route = await server.app.router.resolve(make_mocked_request("GET", str(url)))
            assert route.http_exception is None, path
            if path.startswith("/v1/"):
                status, _, body = await server.raw(path, list(given))
                assert status in (200, 404), (path, given, body)
