"""Which program an open or a click came from, as people know it, by its user agent. Pure.

Only for reading: whether a machine was behind it, the event says (processors/machine_opens.py).
"""

_PROGRAMS = (
    ("GoogleImageProxy", "Gmail"),
    ("YahooMailProxy", "Yahoo Mail"),
    ("Thunderbird/", "Thunderbird"),
    ("Outlook", "Outlook"),
    ("ms-office", "Outlook"),
    ("MSOffice", "Outlook"),
    ("Airmail", "Airmail"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("AppleWebKit/", "Apple Mail"),
)
"""What stands in the user agent, and the name. The first that fits decides, since browsers claim to be each other."""

_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)

_HIDDEN = frozenset({"Gmail", "Yahoo Mail"})
"""Those whose proxies hide where somebody read the mail."""


def family(user_agent: str) -> str | None:
    """“Firefox on Linux”; None where it is not known."""
    program = next((name for sign, name in _PROGRAMS if sign in user_agent), None)
    if program is None or program in _HIDDEN:
        return program
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), None)
    return f"{program} on {system}" if system else program
