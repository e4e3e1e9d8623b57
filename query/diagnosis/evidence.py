"""What a diagnosis looks at, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from query.diagnosis.findings import Row
from schemas.consent import MARKETING, NOTIFICATION

USED_DAYS = 90
"""How far back the use of a customer's addresses counts."""


@dataclass(frozen=True, slots=True)
class Senders:
    """The exact sender addresses of a tenant, None where its file does not tell."""

    transactional: str | None = None
    marketing: str | None = None


class Figures(NamedTuple):
    """Recipients of mail that had time to arrive, and how many of them it did not reach for reasons that lie with the domain."""

    attempted: int
    troubled: int


@dataclass(frozen=True, slots=True)
class DomainFigures:
    """How mail to one domain fares beside mail to all others, of the tenant itself and of all tenants together.

    `senders` is how many tenants wrote to the domain; `days` how far back it looks.
    """

    days: int
    senders: int
    own: Figures
    own_elsewhere: Figures
    all: Figures
    all_elsewhere: Figures


class Use(NamedTuple):
    """One address of a customer that messages went to in the last `USED_DAYS`: how many, and when the latest was sent."""

    channel: str
    address: str
    messages: int
    last_at: str


@dataclass(frozen=True, slots=True)
class CustomerEvidence:
    """A customer, None where it was never registered; with the uses of the addresses on file, whomever the messages name, and
    of others by messages that name the customer, the latest first."""

    customer: str
    registered: Row | None
    uses: Sequence[Use]

    @property
    def addresses(self) -> Sequence[Row]:
        """The addresses on file: {address, address_as_given, channel, primary}."""
        return self.registered["addresses"] if self.registered else ()

    def is_on_file(self, channel: str, address: str) -> bool:
        """Whether the customer is registered with this address."""
        return any((each["channel"], each["address"]) == (channel, address) for each in self.addresses)

    def primary(self, channel: str) -> str | None:
        """The primary address of that channel."""
        return next(
            (each["address"] for each in self.addresses if each["channel"] == channel and each["primary"]),
            None,
        )


@dataclass(frozen=True, slots=True)
class AddressEvidence:
    """All that is known of one address. `now` in ms since the epoch.

    `standing` is a value of address-standing/1, None where nothing was ever heard; `consents` are those of consent/1;
    `messages` items of the log with `tracking`, `reached`, `first_human_opened_at` and `first_human_clicked_at`, the newest
    first and no more than some dozens; `spellings` the ways in which the address was given; `customers` those whose address it
    is or who were named with it; `needs_opt_in` the categories that the tenant sends only to whoever opted in; `zone` the IANA
    time zone that times are told in.
    """

    channel: str
    address: str
    now: int
    standing: Row | None = None
    consents: Sequence[Row] = ()
    messages: Sequence[Row] = ()
    spellings: Sequence[str] = ()
    customers: Sequence[CustomerEvidence] = ()
    domain: DomainFigures | None = None
    senders: Senders = Senders()
    soft_bounce_limit: int = 5
    needs_opt_in: Sequence[str] = (MARKETING, NOTIFICATION)
    zone: str = "UTC"
