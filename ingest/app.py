"""Wires ingest together: settings in, a running server out."""

import asyncio
import logging
from typing import Any

from aiohttp import web

from ingest import unsubscribing
from ingest.body import BodyReader
from ingest.certificates import Certificates, Fetch
from ingest.https import Https
from ingest.publisher import Publisher
from ingest.receive import Provider, Receiver
from ingest.registering import Registrar
from ingest.routes import Routes
from ingest.server import Server
from ingest.subscriptions import Subscriptions
from ingest.verifiers.sns import SnsVerifier
from ingest.verifiers.twilio import TwilioVerifier
from ingest.waiting import Limits
from runtime import metrics
from runtime.collector import spare_the_collector
from runtime.http import operations, start_listening, stop_on_signals
from runtime.kafka import open_client
from runtime.tenants_file import TenantsFile
from schemas.settings import IngestSettings
from schemas.topics import RECEIPTS

log = logging.getLogger(__name__)

_STOP_S = 4.0
"""After a signal, the time for the requests under way; it is longer than any of them waits for Kafka."""


class Ingest:
    """A running ingest."""

    def __init__(self, settings: IngestSettings, tenants: TenantsFile, fetch: Fetch | None = None) -> None:
        """Create it in the event loop. `fetch` gets certificates and visits SubscribeURLs; None = over https."""
        self._settings = settings
        self._tenants = tenants
        self._twilio = TwilioVerifier(settings.public_url or _own_url(settings))
        self._https = Https(settings.certificate_timeout_s)
        self._certificates = Certificates(settings.sns_certs, fetch or self._https.get)
        self._subscriptions = Subscriptions(fetch or self._https.get)
        self._publisher = Publisher(RECEIPTS.name, self._open_client, _limits(settings))
        tenants.on_change(lambda _: self._certificates.forget())
        metrics.WAITING_BYTES.set_function(lambda: self._publisher.waiting_bytes)

    def server(self) -> Server:
        """The addresses of ingest."""
        settings = self._settings
        bodies = BodyReader(settings.max_body_bytes, settings.body_timeout_s, settings.max_waiting_bytes)
        receiver = Receiver(self._tenants, bodies, self._publisher, self._subscriptions)
        ses = receiver.handler(
            Provider("ses", SnsVerifier(self._certificates), "", "application/json", b"{}")
        )
        twilio = receiver.handler(
            Provider("twilio", self._twilio, "X-Twilio-Signature", "text/xml", b"<Response/>")
        )
        registrar = Registrar(
            self._tenants,
            BodyReader(settings.max_list_bytes, settings.body_timeout_s, settings.max_waiting_bytes),
            self._publisher,
            settings.max_body_bytes,
        )
        forms = BodyReader(unsubscribing.MAX_BODY_BYTES, settings.body_timeout_s, settings.max_waiting_bytes)
        unsubscriber = unsubscribing.Unsubscriber(self._tenants, forms, registrar)
        return Server(
            shared={"/webhooks/ses": ses},
            by_tenant={"/webhooks/ses": ses, "/webhooks/twilio": twilio},
            pages=operations(self._ready),
            others=Routes(registrar.routes() | unsubscriber.routes()),
        )

    async def close(self) -> None:
        """Stores what is waiting and ends everything; nothing may arrive any more."""
        await self._publisher.stop()
        await self._subscriptions.close()
        await self._certificates.close()
        await self._https.close()

    async def _ready(self) -> tuple[bool, dict[str, Any]]:
        reachable = await self._publisher.is_reachable()
        return reachable, {"kafka": "reachable" if reachable else "unreachable"}

    def _open_client(self) -> Any:
        settings = self._settings
        # A write that nobody waits for any more is given up, so that the next one can begin.
        timeout_ms = int(settings.store_timeout_s * 1000)
        return open_client(settings.kafka, "waybill-ingest", request_timeout_ms=timeout_ms)


def _own_url(settings: IngestSettings) -> str:
    host = f"[{settings.ingest_host}]" if ":" in settings.ingest_host else settings.ingest_host
    return f"http://{host}:{settings.ingest_port}"


def _limits(settings: IngestSettings) -> Limits:
    return Limits(
        store_timeout_s=settings.store_timeout_s,
        wait_s=settings.batch_wait_ms / 1000,
        batch_bytes=settings.max_batch_bytes,
        waiting_bytes=settings.max_waiting_bytes,
    )


async def serve(settings: IngestSettings, tenants: TenantsFile) -> None:
    """Serves until SIGINT or SIGTERM. Raises OSError where the port is taken."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    tenants.reload_on_sighup()
    ingest = Ingest(settings, tenants)
    runner = web.ServerRunner(ingest.server(), shutdown_timeout=_STOP_S)
    try:
        await start_listening(
            runner, settings.ingest_host, settings.ingest_port, reuse_port=settings.ingest_reuse_port
        )
        spare_the_collector()
        log.info("ingest listens on http://%s:%d", settings.ingest_host, settings.ingest_port)
        await stop.wait()
    finally:
        await runner.cleanup()
        await ingest.close()
    log.info("ingest stopped, everything answered 200 is stored")
