"""The public keys behind SNS's certificate URLs: from a folder first, fetched otherwise, parsed once and kept.

Trust comes from where a certificate was had: from SNS's own host over verified TLS, or from the operator's folder.
One that is outside its dates is not used; that is answered 503, not 403, so that a wrong clock or a stale file
loses nothing: SNS tries again, and the log tells.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ingest.https import FetchFailed
from ingest.refusals import unavailable
from runtime import metrics

log = logging.getLogger(__name__)

_CANNOT_BE_HAD = "the signing certificate cannot be had now"

MAX_KEPT = 256
MAX_UNDER_WAY = 16
PAUSE_S = 1.0
"""After a failed fetch, the time in which the same URL is not tried again. It is no verdict: all of it is 503."""

Fetch = Callable[[str], Awaitable[bytes]]


class _Unusable(Exception):
    """A certificate that is there and cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class _Kept:
    key: RSAPublicKey
    not_before: float
    not_after: float

    def is_valid(self, now: float) -> bool:
        return self.not_before <= now <= self.not_after


def _parse(pem: bytes, now: float) -> _Kept:
    """The certificate of a PEM text, valid at `now` (seconds since the epoch). Raises _Unusable."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except Exception as fault:  # cryptography names no common class for what it raises on a foreign file
        raise _Unusable(f"not a PEM certificate: {type(fault).__name__}") from None
    if not isinstance(key, RSAPublicKey):
        raise _Unusable("its key is not an RSA key")
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    kept = _Kept(key, _seconds(start), _seconds(end))
    if not kept.is_valid(now):
        raise _Unusable(f"it is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d} only")
    return kept


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


class Certificates:
    """Public keys by certificate URL. The caller has checked that the URL is one of SNS's."""

    def __init__(self, folder: Path | None, fetch: Fetch, *, clock: Callable[[], float] = time.time) -> None:
        """`folder` has PEM files named by the last part of the URL's path; `fetch` raises FetchFailed."""
        self._folder = folder
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._under_way: dict[str, asyncio.Task[RSAPublicKey]] = {}
        self._paused: dict[str, float] = {}

    def known(self, url: str) -> RSAPublicKey | None:
        """The key if it is at hand; None if it must be obtained."""
        kept = self._kept.get(url)
        return kept.key if kept is not None and kept.is_valid(self._clock()) else None

    async def obtain(self, url: str) -> RSAPublicKey:
        """The key from the folder or from SNS. However many wait for one URL, it is fetched once.

        Raises ProblemError `unavailable`: that a certificate cannot be had says nothing of the signature.
        """
        if (local := self._from_folder(url)) is not None:
            return self._keep(url, local)
        task = self._under_way.get(url)
        if task is None:
            if self._is_paused(url) or len(self._under_way) >= MAX_UNDER_WAY:
                raise unavailable(_CANNOT_BE_HAD)
            task = asyncio.create_task(self._fetch_key(url))
            self._under_way[url] = task
            task.add_done_callback(lambda done: self._finished(url, done))
        try:
            return await asyncio.shield(task)
        except (FetchFailed, _Unusable):
            raise unavailable(_CANNOT_BE_HAD) from None

    def forget(self) -> None:
        """Looks for every certificate anew from now on, as after a change of the folder."""
        self._kept.clear()
        self._paused.clear()

    async def close(self) -> None:
        """Gives up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, url: str, task: asyncio.Task[RSAPublicKey]) -> None:
        self._under_way.pop(url, None)
        if not task.cancelled():
            task.exception()  # seen here too, because all who waited may have hung up

    def _from_folder(self, url: str) -> _Kept | None:
        if self._folder is None:
            return None
        path = self._folder / url.rpartition("/")[2]
        try:
            return _parse(path.read_bytes(), self._clock())
        except OSError:
            return None
        except _Unusable as fault:
            log.warning("certificate %s cannot be used, it will be fetched: %s", path, fault)
            return None

    async def _fetch_key(self, url: str) -> RSAPublicKey:
        try:
            kept = _parse(await self._fetch(url), self._clock())
        except (FetchFailed, _Unusable) as fault:
            metrics.CERTIFICATE_FETCHES.labels("failed").inc()
            log.warning("certificate %s could not be had, its callbacks are answered 503: %s", url, fault)
            if len(self._paused) >= MAX_KEPT:
                self._paused.clear()
            self._paused[url] = self._clock() + PAUSE_S
            raise
        metrics.CERTIFICATE_FETCHES.labels("ok").inc()
        return self._keep(url, kept)

    def _is_paused(self, url: str) -> bool:
        until = self._paused.get(url, 0.0)
        return 0 <= until - self._clock() <= PAUSE_S

    def _keep(self, url: str, kept: _Kept) -> RSAPublicKey:
        self._kept.pop(url, None)
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = kept
        return kept.key
