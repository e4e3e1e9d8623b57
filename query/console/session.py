"""Who has signed in: the key stands in an encrypted cookie and is authenticated anew with every request."""

import hashlib
import secrets
import time
import warnings
from typing import Any, cast

from aiohttp import web
from aiohttp_session import Session, get_session, new_session
from aiohttp_session.cookie_storage import EncryptedCookieStorage

from schemas.tenants import Principal, Tenants

# The library keeps the session in the request under a name that is older than aiohttp's typed keys.
warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module="aiohttp_session")

COOKIE = "waybill_session"
LASTS_S = 12 * 3600
"""Seconds after which a session ends, however busy."""

_KEY, _ENDS, _CSRF, _FLASHES, _TENANT = "key", "ends", "csrf", "flashes", "tenant"


def storage_of(secret: str) -> EncryptedCookieStorage:
    """Keeps sessions in the browser, encrypted with what is made of `secret`; '' makes a fresh one."""
    key = hashlib.sha256(secret.encode()).digest() if secret else secrets.token_bytes(32)
    return EncryptedCookieStorage(key, cookie_name=COOKIE, max_age=LASTS_S, httponly=True, samesite="Lax")


class SignedIn:
    """What one browser's session says."""

    def __init__(self, session: Session, tenants: Tenants) -> None:
        self._session = session
        key = session.get(_KEY)
        self.key: str | None = key if time.time() < session.get(_ENDS, 0) else None
        """The key that somebody signed in with; None where nobody has, or too long ago."""
        self.principal: Principal | None = tenants.principal(self.key) if self.key is not None else None
        """Whose key it is; None also where it is no longer known."""
        self.ended = key is not None and self.principal is None
        """Whether there was a session that is over."""

    @property
    def csrf(self) -> str:
        """The token that every form of this session carries."""
        if _CSRF not in self._session:
            self._session[_CSRF] = secrets.token_urlsafe(32)
        return cast("str", self._session[_CSRF])

    @property
    def tenant(self) -> str | None:
        """The tenant that the operator has chosen to look at; None = all."""
        return cast("str | None", self._session.get(_TENANT))

    @tenant.setter
    def tenant(self, name: str | None) -> None:
        if name != self.tenant:
            self._session[_TENANT] = name

    def say(self, text: str, tone: str = "good") -> None:
        """Tells something on the next page that is shown; `tone` is good or bad."""
        self._session[_FLASHES] = [*self._session.get(_FLASHES, []), [tone, text]]

    def heard(self) -> list[tuple[str, str]]:
        """Tone and text of what is to be told now; it is told once."""
        told: list[Any] = self._session.get(_FLASHES, [])
        if told:
            del self._session[_FLASHES]
        return [(tone, text) for tone, text in told]


async def session_of(request: web.Request, tenants: Tenants) -> SignedIn:
    """The session of a request."""
    return SignedIn(await get_session(request), tenants)


async def begin(request: web.Request, key: str) -> None:
    """A fresh session for a key that was found to be one."""
    session = await new_session(request)
    session[_KEY] = key
    session[_ENDS] = int(time.time()) + LASTS_S


async def end(request: web.Request) -> None:
    """Forgets everything about this browser."""
    (await get_session(request)).invalidate()
