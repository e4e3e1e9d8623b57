"""A query server of a test's own, in the test's process, over the real engine."""

import hashlib
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from query.app import make_app
from query.context import Context
from query.lag import Lag
from runtime.clickhouse import ClickHouse
from runtime.tenants_file import TenantsFile
from schemas.settings import QuerySettings

TENANTS = ("acme", "other", "third")
VOCABULARIES = dict(zip(TENANTS, ("waybill", "iclasspro", "class-manager"), strict=True))
OPERATOR = "operator-key"


def key_of(tenant: str) -> str:
    return f"key-of-{tenant}"


def write_tenants(path: Path) -> Path:
    """A tenants file with a reading key of each tenant, one that only writes, and the operator's."""

    def key(text: str, scope: str) -> str:
        return (
            f'{{ name = "k", sha256 = "{hashlib.sha256(text.encode()).hexdigest()}", scopes = ["{scope}"] }}'
        )

    parts = [
        f'[tenants.{name}]\nname = "{name}"\nvocabulary = "{VOCABULARIES[name]}"\n'
        f"keys = [{key(key_of(name), 'read')}, {key('writer-' + name, 'write')}]\n"
        for name in TENANTS
    ]
    path.write_text("".join(parts) + f"[operator]\nkeys = [{key(OPERATOR, 'read')}]\n")
    return path


class QueryServer:
    """`async with` starts and stops it."""

    def __init__(self, clickhouse: str, kafka: str, tenants: Path, **settings: Any) -> None:
        self._arguments = (clickhouse, kafka, tenants)
        self._settings = settings

    async def __aenter__(self) -> Self:
        clickhouse, kafka, tenants = self._arguments
        self.store = ClickHouse(clickhouse)
        settings = QuerySettings(clickhouse=clickhouse, kafka=kafka, tenants=tenants, **self._settings)
        self.app = make_app(Context(settings, TenantsFile(tenants), self.store, Lag(kafka)))
        self._runner = web.AppRunner(self.app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def raw(
        self,
        path: str,
        parameters: list[tuple[str, str]] | None = None,
        key: str | None = key_of("acme"),
        method: str = "GET",
        body: bytes | None = None,
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Status, headers and body. `path` goes out as it stands."""
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters or []
        )
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        async with self._client.request(
            method, URL(f"{self.url}{path}?{query}", encoded=True), headers=headers, data=body
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    async def get(
        self, path: str, *parameters: tuple[str, str], key: str | None = key_of("acme")
    ) -> tuple[int, Any]:
        """Status and document."""
        status, _, body = await self.raw(path, list(parameters), key)
        return status, orjson.loads(body)

    async def post(
        self, path: str, document: Any, *parameters: tuple[str, str], key: str | None = key_of("acme")
    ) -> tuple[int, Any]:
        """Status and document of what is posted."""
        status, _, body = await self.raw(path, list(parameters), key, "POST", orjson.dumps(document))
        return status, orjson.loads(body)

    async def page(
        self, path: str, *parameters: tuple[str, str], key: str = key_of("acme")
    ) -> dict[str, Any]:
        """A page that must come."""
        status, document = await self.get(path, *parameters, key=key)
        assert status == 200, (status, document)
        return dict(document)

    async def items(
        self, path: str, *parameters: tuple[str, str], key: str = key_of("acme")
    ) -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        cursor: tuple[tuple[str, str], ...] = ()
        while True:
            page = await self.page(path, *parameters, *cursor, key=key)
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = (("cursor", page["next"]),)
