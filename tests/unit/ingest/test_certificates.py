"""Certificates: the folder first, then one fetch for all who wait, and no failure that becomes a verdict."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ingest import certificates
from ingest.certificates import Certificates
from ingest.https import FetchFailed
from schemas.problems import ProblemError
from tests.unit.ingest import sns


class Site:
    """Stands where SNS's host is: counts what is asked of it, and waits while `open` is not set."""

    def __init__(self, page: bytes | None = None) -> None:
        self.page = page
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await self.open.wait()
        if self.page is None:
            raise FetchFailed("no such page")
        return self.page


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


async def _refused(obtaining: Callable[[], object]) -> ProblemError:
    with pytest.raises(ProblemError) as refusal:
        await obtaining()  # type: ignore[misc]
    assert refusal.value.problem.code == "unavailable"
    assert refusal.value.retry_after
    return refusal.value


def _is_ours(key: rsa.RSAPublicKey | None) -> bool:
    return key is not None and key.public_numbers() == sns.key().public_key().public_numbers()


async def test_the_folder_is_looked_in_before_any_fetch(tmp_path: Path) -> None:
    site = Site()
    known = Certificates(sns.folder(tmp_path), site.fetch)
    assert known.known(sns.URL) is None
    assert _is_ours(await known.obtain(sns.URL))
    assert _is_ours(known.known(sns.URL))
    assert site.asked == []


async def test_a_certificate_is_fetched_once_for_many_that_wait_for_it() -> None:
    site = Site(sns.pem())
    site.open.clear()
    known = Certificates(None, site.fetch)
    waiting = [asyncio.create_task(known.obtain(sns.URL)) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    site.open.set()
    assert all(_is_ours(key) for key in await asyncio.gather(*waiting))
    assert _is_ours(known.known(sns.URL))
    assert site.asked == [sns.URL]


async def test_one_that_hangs_up_does_not_end_the_fetch_of_the_others() -> None:
    site = Site(sns.pem())
    site.open.clear()
    known = Certificates(None, site.fetch)
    first, second = (asyncio.create_task(known.obtain(sns.URL)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    site.open.set()
    assert _is_ours(await second)
    assert len(site.asked) == 1


async def test_a_failed_fetch_is_503_and_is_tried_again() -> None:
    site, clock = Site(), Clock()
    known = Certificates(None, site.fetch, clock=clock)
    await _refused(lambda: known.obtain(sns.URL))
    site.page = sns.pem()
    clock.now += certificates.PAUSE_S + 0.1
    assert _is_ours(await known.obtain(sns.URL))


async def test_a_failing_url_is_not_asked_for_with_every_request() -> None:
    site, clock = Site(), Clock()
    known = Certificates(None, site.fetch, clock=clock)
    for _ in range(20):
        await _refused(lambda: known.obtain(sns.URL))
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\xff" * 100,
    ],
)
async def test_a_page_that_is_no_certificate_is_503_and_no_verdict(page: bytes) -> None:
    await _refused(lambda: Certificates(None, Site(page).fetch).obtain(sns.URL))


async def test_a_certificate_of_another_kind_of_key_is_503() -> None:
    page = sns.pem(ec.generate_private_key(ec.SECP256R1()))
    await _refused(lambda: Certificates(None, Site(page).fetch).obtain(sns.URL))


@pytest.mark.parametrize(("start", "end"), [(-30, -1), (1, 30)])
async def test_a_certificate_outside_its_dates_is_503_so_that_nothing_is_lost(start: int, end: int) -> None:
    await _refused(lambda: Certificates(None, Site(sns.pem(start=start, end=end)).fetch).obtain(sns.URL))


async def test_a_stale_file_in_the_folder_is_passed_over_for_a_fetch(tmp_path: Path) -> None:
    (tmp_path / sns.URL.rpartition("/")[2]).write_bytes(sns.pem(start=-30, end=-1))
    site = Site(sns.pem())
    assert _is_ours(await Certificates(tmp_path, site.fetch).obtain(sns.URL))
    assert site.asked == [sns.URL]


async def test_a_certificate_that_expires_in_the_cache_is_obtained_anew() -> None:
    site, clock = Site(sns.pem(end=1)), Clock()
    known = Certificates(None, site.fetch, clock=clock)
    await known.obtain(sns.URL)
    clock.now += 2 * 86_400
    assert known.known(sns.URL) is None
    site.page = sns.pem(end=300)
    assert _is_ours(await known.obtain(sns.URL))
    assert len(site.asked) == 2


async def test_the_cache_is_bounded() -> None:
    site = Site(sns.pem())
    known = Certificates(None, site.fetch)
    urls = [sns.URL.replace(".pem", f"-{n}.pem") for n in range(certificates.MAX_KEPT + 10)]
    for url in urls:
        await known.obtain(url)
    assert sum(known.known(url) is not None for url in urls) == certificates.MAX_KEPT
    assert known.known(urls[-1]) is not None


async def test_fetches_under_way_are_bounded() -> None:
    site = Site(sns.pem())
    site.open.clear()
    known = Certificates(None, site.fetch)
    urls = [sns.URL.replace(".pem", f"-{n}.pem") for n in range(certificates.MAX_UNDER_WAY + 1)]
    waiting = [asyncio.create_task(known.obtain(url)) for url in urls[:-1]]
    await asyncio.sleep(0)
    await _refused(lambda: known.obtain(urls[-1]))
    await known.close()
    assert all(
        isinstance(one, asyncio.CancelledError)
        for one in await asyncio.gather(*waiting, return_exceptions=True)
    )


async def test_after_a_reload_the_folder_is_read_again(tmp_path: Path) -> None:
    known = Certificates(sns.folder(tmp_path), Site().fetch)
    await known.obtain(sns.URL)
    known.forget()
    assert known.known(sns.URL) is None
