"""What an application tells: messages it sent or skipped, consents, customers, suppressions and resets.

Their shape, the rules that they keep, and the bodies of the receipts that they become. Each is right by itself then;
whether it is news, the worker finds out.
"""

from typing import ClassVar, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.addresses import address_of, normalise
from schemas.consent import IN
from schemas.registration_fields import (
    EARLIEST_CREATED_MS,
    EARLIEST_MS,
    Address,
    Broken,
    Channel,
    Fault,
    Name,
    NumberedName,
    Reason,
    Text,
    Time,
    faults_of_address,
    faults_of_shape,
    faults_of_time,
    reported_of,
    something_of,
)
from schemas.standing import NUMBER_REASONS
from schemas.times import format_time, parse_time

PROVIDER = "app"
"""Provider of the receipts of what an application tells."""

MAX_RECIPIENTS = 1000
"""Most recipients of one message."""

MAX_ADDRESSES = 1000
"""Most addresses of one customer."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Registration(_Part):
    """One thing that is told, and becomes a receipt. Times without a zone or in the future are refused."""

    receipt_type: ClassVar[str]

    def broken(self, now: int) -> Broken:
        """The rules that it breaks beyond its shape; `now` in ms since the epoch."""
        yield from ()

    def receipt_key(self) -> str:
        """What stands where a provider's receipt has the message id: receipts of one key stay in their order."""
        raise NotImplementedError

    def receipt_body(self, now: int) -> bytes:
        """The receipt's body; its time is `now`, ms since the epoch, where none was told or one that is yet to come: an
        opt-in of a clock that is ahead would overrule the opt-out that follows it."""
        document = self.model_dump(exclude_none=True)
        at = document.get("at")
        document["at"] = format_time(min(parse_time(at), now) if at else now)
        return orjson.dumps({"type": self.receipt_type, self.receipt_type: document})


class Message(Registration):
    """A message that was handed to a provider, or for some reason was not."""

    receipt_type = "message"

    id: Name
    channel: Channel
    recipient: Address | None = None
    recipients: list[Address] | None = Field(None, min_length=1, max_length=MAX_RECIPIENTS)
    sender: Name | None = None
    subject: Text | None = None
    text: Text | None = None
    campaign: Name | None = None
    customer: NumberedName | None = None
    category: Name | None = None
    document: NumberedName | None = None
    method: Name | None = None
    link: Text | None = None
    tracking: Literal["none"] | None = None
    status: Literal["queued", "skipped", "invalid", "failed", "canceled"] | None = None
    reason: Text | None = None
    error_code: NumberedName | None = None
    error: Text | None = None
    at: Time | None = None

    def broken(self, now: int) -> Broken:
        """Recipients are named one way, and are addresses; what failed or was invalid may be so because it was none."""
        if (self.recipient is None) == (self.recipients is None):
            yield "recipient", "expected either recipient or recipients"
        check = something_of if self.status in ("failed", "invalid") else address_of
        if self.recipient is not None:
            yield from faults_of_address("recipient", self.channel, self.recipient, check)
        for place, given in enumerate(self.recipients or ()):
            yield from faults_of_address(f"recipients.{place}", self.channel, given, check)
        yield from faults_of_time("at", self.at, EARLIEST_MS, now)

    def receipt_key(self) -> str:
        """The message's id: its provider's reports stand under the same."""
        return self.id


class Evidence(_Part):
    """How it is known that somebody consented."""

    method: Literal["portal", "link", "verbal", "written"]
    wording: Text | None = None
    reference: NumberedName | None = None


class Consent(Registration):
    """An address opted in or out. `message_id` is the message through which it did, where there was one."""

    receipt_type = "consent"

    address: Address
    channel: Channel
    category: Literal["transactional", "notification", "marketing"]
    sender: Name | None = None
    consent: Literal["in", "out"]
    source: Literal["customer", "staff", "import"]
    actor: Name
    evidence: Evidence | None = None
    reason: Text | None = None
    message_id: Name | None = None
    at: Time | None = None

    def broken(self, now: int) -> Broken:
        """Staff opts nobody in without evidence; an opt-out needs none."""
        yield from faults_of_address("address", self.channel, self.address, address_of)
        if self.sender is not None and self.channel != "sms":
            yield "sender", "expected none: only the consent to text messages is of one sender"
        yield from faults_of_time("at", self.at, EARLIEST_MS, now)
        if self.source == "staff" and self.consent == IN:
            yield from self._broken_evidence()

    def _broken_evidence(self) -> Broken:
        if self.evidence is None:
            yield "evidence", "expected, it is required where staff opts in on the customer's behalf"
            return
        if self.evidence.method not in ("verbal", "written"):
            yield (
                "evidence.method",
                "expected 'verbal' or 'written' where staff opts in on the customer's behalf",
            )
        if self.evidence.reference is None:
            yield "evidence.reference", "expected, it is required: the call, the form, the letter"

    def receipt_key(self) -> str:
        """The message's id where it came through one, else the address's."""
        return self.message_id or f"consent:{self.channel}:{normalise(self.channel, self.address)}"


class CustomerAddress(_Part):
    """One address of a customer."""

    address: Address
    channel: Channel
    primary: bool = False


class Customer(Registration):
    """A customer, whole: what is put later replaces it."""

    receipt_type = "customer"

    customer: Name
    kind: Literal["client", "staff", "company"]
    name: Text | None = None
    created_at: Time | None = None
    addresses: list[CustomerAddress] = Field(max_length=MAX_ADDRESSES)

    def broken(self, now: int) -> Broken:
        """Each address is one and stands there once; one of a channel at most is the primary one."""
        yield from faults_of_time("created_at", self.created_at, EARLIEST_CREATED_MS, now)
        seen: set[tuple[str, str]] = set()
        with_primary: set[str] = set()
        for place, one in enumerate(self.addresses):
            field = f"addresses.{place}"
            yield from faults_of_address(f"{field}.address", one.channel, one.address, address_of)
            compared = (one.channel, normalise(one.channel, one.address))
            if compared in seen:
                yield f"{field}.address", "expected each address once"
            seen.add(compared)
            if one.primary and one.channel in with_primary:
                yield f"{field}.primary", f"expected one primary address at most for {one.channel}"
            if one.primary:
                with_primary.add(one.channel)

    def receipt_key(self) -> str:
        """The customer's."""
        return f"customer:{self.customer}"


REASONS_OF: dict[str, tuple[str, ...]] = {
    "email": ("hard_bounce", "complaint", "provider_suppressed"),
    "sms": (*sorted(NUMBER_REASONS), "complaint"),
}
"""Why an address may be suppressed, by channel. Repeated soft bounces are hard ones on another system's list."""


class Suppression(Registration):
    """An address that was known not to be written to before Waybill was asked: from another system's list."""

    receipt_type = "suppression"

    address: Address
    channel: Channel
    reason: Literal[
        "hard_bounce", "complaint", "provider_suppressed", "invalid_number", "landline", "unreachable_carrier"
    ]
    actor: Name
    note: Text | None = None
    at: Time | None = None

    def broken(self, now: int) -> Broken:
        """What a provider reported can be suppressed, though it were no address by our rules."""
        yield from faults_of_address("address", self.channel, self.address, reported_of)
        taken = REASONS_OF[self.channel]
        if self.reason not in taken:
            yield "reason", f"expected one of {', '.join(taken)} for {self.channel}"
        yield from faults_of_time("at", self.at, EARLIEST_MS, now)

    def receipt_key(self) -> str:
        """The address's."""
        return f"suppression:{self.channel}:{normalise(self.channel, self.address)}"


class Reset(Registration):
    """Staff makes an address valid again."""

    receipt_type = "reset"

    address: Address
    channel: Channel
    actor: Name
    reason: Reason

    def broken(self, now: int) -> Broken:
        """What a provider reported can be reset, though it were no address by our rules."""
        yield from faults_of_address("address", self.channel, self.address, reported_of)

    def receipt_key(self) -> str:
        """The address's."""
        return f"reset:{self.channel}:{normalise(self.channel, self.address)}"


R = TypeVar("R", bound=Registration)


def read_registration(kind: type[R], index: int, given: object, now: int) -> R | list[Fault]:
    """The thing of that kind that JSON describes, `index` its place in a list; or all its faults."""
    try:
        thing = kind.model_validate(given)
    except ValidationError as error:
        return list(faults_of_shape(index, error))
    faults = [Fault(index, field, expected) for field, expected in thing.broken(now)]
    return faults or thing
