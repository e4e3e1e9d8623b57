"""The pages behind an unsubscribe link: plain HTML that needs no script, loads nothing and can be read aloud.

They say what will happen before it does (WCAG 2.2, 3.3.4), have one heading, one button that is large enough (2.5.8) and
colours of more than 7:1 (1.4.6) that follow the reader's choice of a dark screen.
"""

import hashlib
from base64 import b64encode
from html import escape

from aiohttp import web

_STYLE = """
:root { color-scheme: light dark }
body { font: 1.125rem/1.5 system-ui, sans-serif; margin: 0; color: #1a1a1a; background: #fff }
main { max-width: 34rem; margin: 0 auto; padding: 3rem 1.25rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; line-height: 1.25 }
button { font: inherit; font-weight: 600; min-height: 3rem; padding: .5rem 1.5rem; border: 2px solid #00408a;
  border-radius: .375rem; color: #fff; background: #00408a; cursor: pointer }
button:focus-visible { outline: 3px solid #b45309; outline-offset: 3px }
@media (prefers-color-scheme: dark) {
  body { color: #f2f2f2; background: #121212 }
  button { color: #10233f; background: #a8cbff; border-color: #a8cbff }
}
"""

_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""

CONFIRM = "confirm"
"""Name of the form's field; its value is "yes"."""

_WHAT = {"marketing": "news and offers", "notification": "notifications"}


def wording(tenant_name: str, category: str) -> str:
    """What somebody agrees to who presses the button; it goes into the audit log too."""
    return f"Stop sending {_WHAT[category]} from {tenant_name}"


def question(tenant_name: str, address: str, category: str) -> web.Response:
    """Asks whether it is meant; nothing has been changed yet."""
    who, what = escape(tenant_name), _WHAT[category]
    content = (
        f"<p>{who} will no longer send {what} to <strong>{escape(address)}</strong>. "
        "Receipts, statements and confirmations still arrive.</p>\n"
        f'<form method="post"><input type="hidden" name="{CONFIRM}" value="yes">'
        "<button>Unsubscribe</button></form>"
    )
    return _page(f"Unsubscribe from {what} by {who}?", content, 200)


def done(tenant_name: str, address: str, category: str) -> web.Response:
    """It has been recorded."""
    who, what = escape(tenant_name), _WHAT[category]
    content = (
        f'<p role="status">{who} will no longer send {what} to <strong>{escape(address)}</strong>. '
        "What is on its way already may still arrive.</p>\n"
        f"<p>If this was a mistake, ask {who} to have you subscribed again. You can close this page.</p>"
    )
    return _page("You are unsubscribed", content, 200)


def refused(status: int, retry_after: int | None) -> web.Response:
    """It cannot be done, or not now: then it may be tried again after so many seconds."""
    title, advice = _REFUSALS.get(status, _REFUSALS[400])
    response = _page(title, f"<p>{advice}</p>", status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


_REFUSALS = {
    400: ("That did not work", "Open the link in your mail again and press the button there."),
    403: (
        "This link does not work",
        "It is not complete, or was changed. Open it from your mail again; if that does not help, answer the mail "
        "and ask to be unsubscribed.",
    ),
    410: (
        "This link is no longer valid",
        "Use the link in a newer mail, or answer the mail and ask to be unsubscribed.",
    ),
    503: (
        "Not now",
        "We could not record it at the moment, and nothing was changed. Please try again in a minute.",
    ),
}


def _page(title: str, content: str, status: int) -> web.Response:
    """`title` and `content` are HTML."""
    return web.Response(
        text=_PAGE.format(title=title, style=_STYLE, content=content),
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers=_HEADERS,
    )
