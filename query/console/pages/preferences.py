"""How a reader wants pages to look: time zone and theme, kept in cookies."""

from zoneinfo import available_timezones

from aiohttp import web
from multidict import MultiMapping

from query.console.page import change, page, redirect, render
from query.console.security import local_path
from query.console.visit import THEME_COOKIE, THEMES, ZONE_COOKIE, Visit
from query.parameters import choice, refused, zone

_YEAR_S = 365 * 86_400
_READ = {ZONE_COOKIE: ("zone", zone), THEME_COOKIE: ("theme", choice(*THEMES))}


async def get_preferences(visit: Visit) -> web.StreamResponse:
    """GET /preferences."""
    return render(
        visit,
        "preferences.html",
        zones=sorted(available_timezones()),
        themes=THEMES,
        back=local_path(visit.request.query.get("back")),
    )


async def post_preferences(visit: Visit, form: MultiMapping[str]) -> web.StreamResponse:
    """Keeps what was chosen, and leads back."""
    response = redirect(local_path(form.get("back")))
    for cookie, (name, read) in _READ.items():
        if name not in form:
            continue
        try:
            response.set_cookie(cookie, read(form[name]), max_age=_YEAR_S, samesite="Lax")
        except ValueError as fault:
            raise refused(name, str(fault)) from None
    return response


ROUTES = [
    web.get("/preferences", page(get_preferences)),
    web.post("/preferences", change(post_preferences, "read")),
]
