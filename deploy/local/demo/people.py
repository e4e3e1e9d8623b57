"""The people whom the demo tenant writes to: families of a gymnastics club and their mailboxes."""

import random
from dataclasses import dataclass
from typing import Final

_FIRST: Final = """
Ada Aisha Alba Amir Ana Andre Anna Ben Bianca Carla Chen Clara Daniel Dara Diego Elena Eli Ella Emeka
Emma Erik Eva Farid Fiona Grace Hana Hugo Ines Ivan Jack Jana Jin Joan Jonas Julia Kai Kamala Karim Lars
Lea Leo Lina Luca Lucy Maria Marta Maya Mei Mia Milan Nadia Nina Noah Nora Olga Omar Oscar Paula Pedro
Petra Priya Rafael Ravi Rosa Ruth Sam Sara Sofia Tara Theo Tim Tomas Uma Vera Victor Wanda Yara Yusuf
Zoe
"""
_LAST: Final = """
Abara Adams Bauer Becker Bell Berg Brown Castro Clark Costa Cruz Diaz Dvorak Evans Fischer Flores Garcia
Gomez Green Gupta Haas Hall Hansen Hill Horvat Hughes Ito Jensen Jones Kaya Keller Khan Kim King Klein
Kovac Lang Lee Lopez Marin Martin Meyer Mills Moreau Morris Nagy Novak Okoye Olsen Ortiz Owens Park
Patel Perez Price Quinn Rao Reed Reyes Rossi Russo Santos Sato Scott Shah Silva Singh Smith Stone Suzuki
Torres Turner Vogel Walker Wang Weber White Wilson Wolf Wood Young Zhang
"""

_DOMAINS: Final = {
    "example.com": 38,
    "example.org": 24,
    "example.net": 18,
    "mail.example.org": 12,
    "post.example.net": 8,
}
_OFFICE: Final = "office.example.com"
"""A company whose gateway opens each mail and follows each of its links before anybody reads it."""

_MAILBOXES: Final = {
    "good": 925,
    "dead": 20,
    "no_domain": 6,
    "full": 12,
    "slow": 20,
    "strict": 8,
    "moved": 5,
    "away": 4,
}
_READERS: Final = {"desktop": 26, "phone": 22, "gmail": 22, "apple": 30}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a mailbox and a phone.

    `mailbox`: good, dead (unknown user), no_domain, full, slow (delays before it delivers), strict (its
    policy refuses), moved (accepts, and bounces later), away (accepts, and answers by itself). `reader`:
    desktop, phone, gmail (through Gmail's proxy), apple (fetches every image, read or not), scanner (a
    gateway at work opens and follows links first). `keen`: how likely it is read, from 0 to 1.
    """

    name: str
    email: str
    phone: str
    customer: str
    mailbox: str
    reader: str
    keen: float


def people(rng: random.Random, number: int) -> list[Person]:
    """So many different people."""
    names = rng.sample([(first, last) for first in _FIRST.split() for last in _LAST.split()], number)
    return [_person(rng, first, last, index) for index, (first, last) in enumerate(names)]


def _person(rng: random.Random, first: str, last: str, index: int) -> Person:
    mailbox = _choose(rng, _MAILBOXES)
    at_work = mailbox == "good" and rng.random() < 0.07
    domain = _OFFICE if at_work else _choose(rng, _DOMAINS)
    if mailbox == "no_domain":
        domain = "exmaple.invalid"
    local = rng.choice(
        (f"{first}.{last}", f"{first[0]}{last}", f"{first}{rng.randrange(60, 100)}", f"{last}.{first}")
    )
    return Person(
        name=f"{first} {last}",
        email=f"{local}{index}@{domain}".lower(),
        # The numbers that are kept free for fiction, https://www.nanpa.com/
        phone=f"+1{202 + index // 100:03d}55501{index % 100:02d}",
        customer=str(40_000 + index),
        mailbox=mailbox,
        reader="scanner" if at_work else _choose(rng, _READERS),
        keen=rng.betavariate(1.3, 1.6),
    )


def _choose(rng: random.Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
