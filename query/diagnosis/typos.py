"""Slips of the pen in addresses: domains that are nearly a well-known one, stray spaces. Pure; mail_domains.toml has the
domains."""

import tomllib
from importlib.resources import files

_RULES = tomllib.loads(files(__package__).joinpath("mail_domains.toml").read_text(encoding="utf-8"))
MAILBOX_PROVIDERS = frozenset(_RULES["mailbox_providers"]["domains"])
"""Domains under which people have their mailbox, and no organisation has its own."""

_MEANT = MAILBOX_PROVIDERS | frozenset(_RULES["lookalikes"]["domains"])
_ENDINGS: dict[str, str] = _RULES["endings"]["meant"]
_PROVIDER_ENDINGS: dict[str, str] = _ENDINGS | _RULES["endings_of_providers"]["meant"]

_LONG_NAME, _LONGER_NAME = 5, 7
"""From so many letters before the first dot one slip is believed, or two: of short names too many are nearly another."""


def meant_domain(domain: str) -> str | None:
    """The domain that is most likely meant, None where this one may well be. `domain` is normalised."""
    if domain in _MEANT:
        return None
    return _by_dots(domain) or _by_ending(domain) or _by_distance(domain)


def _by_dots(domain: str) -> str | None:
    """A dot or the end was left out."""
    if "." in domain:
        return None
    known = {each.replace(".", ""): each for each in sorted(MAILBOX_PROVIDERS)}
    return known.get(domain) or (f"{domain}.com" if f"{domain}.com" in MAILBOX_PROVIDERS else None)


def _by_ending(domain: str) -> str | None:
    """An end that does not exist, or that no mailbox provider has."""
    name, _, ending = domain.partition(".")
    if (end := _PROVIDER_ENDINGS.get(ending)) and f"{name}.{end}" in MAILBOX_PROVIDERS:
        return f"{name}.{end}"
    rest, _, last = domain.rpartition(".")
    return f"{rest}.{_ENDINGS[last]}" if rest and last in _ENDINGS else None


def _by_distance(domain: str) -> str | None:
    """The nearest mailbox provider's domain; among equally near ones the first by name, so that the answer is always the same."""
    name, _, ending = domain.partition(".")
    nearest: tuple[int, str] | None = None
    for known in sorted(MAILBOX_PROVIDERS):
        known_name, _, known_ending = known.partition(".")
        if name == known_name or ending != known_ending:
            continue  # the same name under another end is most likely meant: providers have one for each country
        slips = 2 if min(len(name), len(known_name)) >= _LONGER_NAME else 1
        if min(len(name), len(known_name)) < _LONG_NAME - 1 or len(known_name) < _LONG_NAME:
            continue
        found = distance(name, known_name, slips)
        if found is not None and (nearest is None or found < nearest[0]):
            nearest = found, known
    return nearest[1] if nearest else None


def distance(left: str, right: str, most: int) -> int | None:
    """How many slips lie between two words: a letter too many, too few, another one, or two swapped; None for more than
    `most` (optimal string alignment, https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance)."""
    if abs(len(left) - len(right)) > most:
        return None
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        two_before, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, two_before[j - 2] + 1)
            row.append(cost)
    return row[-1] if row[-1] <= most else None


def has_stray_spaces(given: str) -> bool:
    """Whether an address was given with spaces around or in it, or with signs that nobody sees. A display name's are none."""
    _, bracket, rest = given.partition("<")
    bare = rest.partition(">")[0] if bracket else given
    return any(sign.isspace() or not sign.isprintable() for sign in bare)
