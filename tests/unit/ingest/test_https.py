"""The real client against a real server: https alone, no redirects, bounded in size and time."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ingest.https import MAX_BYTES, FetchFailed, Https


def _authority(folder: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


class Site:
    """An https server with pages that misbehave."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""
        self.hold = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        match request.path:
            case "/good.pem":
                return web.Response(body=b"good")
            case "/moved.pem":
                return web.Response(status=302, headers={"Location": "/good.pem"})
            case "/large.pem":
                return web.Response(body=b"x" * (MAX_BYTES + 1))
            case "/slow.pem":
                await self.hold.wait()
        return web.Response(status=404)


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path) -> AsyncIterator[tuple[Site, ssl.SSLContext]]:
    file = _authority(tmp_path)
    served, trusted = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(cafile=file),
    )
    served.load_cert_chain(file)
    one = Site()
    app = web.Application()
    app.router.add_get("/{path:.*}", one.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served).start()
    one.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield one, trusted
    one.hold.set()
    await runner.cleanup()


async def test_a_page_is_had_with_its_query_as_it_is(site: tuple[Site, ssl.SSLContext]) -> None:
    server, trusted = site
    https = Https(5, trusted)
    assert await https.get(server.url + "/good.pem?b=%2F&a=1%20") == b"good"
    await https.close()
    assert server.asked == ["/good.pem?b=%2F&a=1%20"]


async def test_a_redirect_is_never_followed(site: tuple[Site, ssl.SSLContext]) -> None:
    server, trusted = site
    https = Https(5, trusted)
    with pytest.raises(FetchFailed, match="302"):
        await https.get(server.url + "/moved.pem")
    await https.close()
    assert server.asked == ["/moved.pem"]


@pytest.mark.parametrize("path", ["/large.pem", "/none.pem"])
async def test_a_page_too_large_or_not_there_fails(site: tuple[Site, ssl.SSLContext], path: str) -> None:
    server, trusted = site
    https = Https(5, trusted)
    with pytest.raises(FetchFailed):
        await https.get(server.url + path)
    await https.close()


async def test_a_page_that_does_not_come_fails_in_time(site: tuple[Site, ssl.SSLContext]) -> None:
    server, trusted = site
    https = Https(0.2, trusted)
    with pytest.raises(FetchFailed, match="Timeout"):
        await https.get(server.url + "/slow.pem")
    await https.close()


async def test_a_server_that_is_not_trusted_is_not_listened_to(site: tuple[Site, ssl.SSLContext]) -> None:
    server, _ = site
    https = Https(5)
    with pytest.raises(FetchFailed):
        await https.get(server.url + "/good.pem")
    await https.close()
    assert server.asked == []


async def test_nobody_there_fails() -> None:
    https = Https(5)
    with pytest.raises(FetchFailed):
        await https.get("https://127.0.0.1:1/x.pem")
    await https.close()
