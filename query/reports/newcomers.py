"""Reports over who is new: customers and recipients."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from query.filters import SHARED
from query.parameters import Parameter, choice
from query.reports.declaring import Asked, Chosen, Column, Kind, Picture, Report, Rows
from query.reports.parameters import TIMES, with_paging
from query.sql.reports.newcomers import (
    add_named,
    chosen_recipients_source,
    customers_source,
    recipients_source,
)
from query.sql.reports.owners import with_owners
from query.sql.where import Where

_CUSTOMER_SORTS = ("since", "customer", "messages")
_KINDS = ("client", "staff", "company")
_OF_MESSAGES = tuple(name for name in SHARED if name not in ("from", "to", "customer"))
"""Filters that find customers by the messages that name them."""


def _customers(asked: Asked) -> Rows:
    where = Where(asked.scope)
    source = customers_source(where, asked.scope)
    where.between("m.since", asked.given.get("from"), asked.given.get("to"))
    for name in ("customer", "kind"):
        if name in asked.given:
            where.equal(f"m.{name}", asked.given[name])
    named = {name: asked.given[name] for name in _OF_MESSAGES if name in asked.given}
    if named:
        add_named(where, asked.scope, named)
    return Rows(source, where)


NEW_CUSTOMERS = Report(
    name="new-customers",
    title="New customers",
    tells="Which customers are new within a time frame, and were they written to?",
    columns=(
        Column("customer", Kind.WORD, "The application's id of the customer."),
        Column("kind", Kind.TEXT, "client, staff or company; null where it was never registered."),
        Column("name", Kind.TEXT, "The name, as registered."),
        Column("registered", Kind.YES, "Whether it was ever put; else only messages name it."),
        Column("since", Kind.TIME, "When it was new."),
        Column(
            "known_by",
            Kind.WORD,
            "How that is known: `created_at` as registered, else the `first_message` that names it, else when it was `last_put`.",
        ),
        Column("addresses", Kind.COUNT, "Addresses on file."),
        Column("first_message_at", Kind.TIME, "The first message that names it.", optional=True),
        Column("messages", Kind.COUNT, "Messages and recipients that name it, until now."),
    ),
    sorts=_CUSTOMER_SORTS,
    default_sort="-since",
    place=("customer",),
    picture=Picture("New customers, by when and kind", x="since", by="kind"),
    parameters=with_paging(
        {
            **SHARED,
            "kind": Parameter(choice("", *_KINDS)),
            **TIMES,
        },
        _CUSTOMER_SORTS,
    ),
    rows=_customers,
    is_costly=True,
)

_RECIPIENT_SORTS = ("first_at", "address", "messages")
_OF_FIRST = tuple(name for name in SHARED if name not in ("from", "to"))


def _recipients(asked: Asked) -> Rows:
    where = Where(asked.scope)
    firsts = recipients_source(where, asked.scope, asked.given.get("from"))
    source = with_owners(firsts, where, asked.scope)
    _add_first(where, asked.given)
    return Rows(source, where, firsts, Chosen(_TOLD_APART, partial(_chosen_recipients, asked)))


_TOLD_APART = {"of_tenant": "m.tenant", "of_channel": "m.channel", "of_address": "m.address"}


def _chosen_recipients(asked: Asked, recipients: Sequence[Mapping[str, Any]]) -> Rows:
    where = Where(asked.scope)
    chosen = [(one["of_tenant"], one["of_channel"], one["of_address"]) for one in recipients]
    firsts = chosen_recipients_source(where, chosen, asked.given.get("from"))
    addresses = [address for _, _, address in chosen]
    return Rows(with_owners(firsts, where, asked.scope, addresses=addresses), where)


def _add_first(where: Where, given: Mapping[str, Any]) -> None:
    """The shared filters, as conditions on the first message."""
    where.between("m.first_at", given.get("from"), given.get("to"))
    for name in _OF_FIRST:
        if name in given:
            where.equal(f"m.{name}", given[name])


NEW_RECIPIENTS = Report(
    name="new-recipients",
    title="New recipients",
    tells="Which addresses were written to for the first time within a time frame, with which message, and whose are they?",
    columns=(
        Column("address", Kind.WORD, "The address, as addresses are compared."),
        Column("channel", Kind.WORD, "email or sms."),
        Column("domain", Kind.TEXT, "Its domain."),
        Column("first_at", Kind.TIME, "When the first message was sent to it."),
        Column("message_id", Kind.WORD, "That message."),
        Column("sender", Kind.TEXT, "Its sender."),
        Column("subject", Kind.TEXT, "Its subject."),
        Column("campaign", Kind.TEXT, "Its mailing."),
        Column("category", Kind.TEXT, "What it was sent for."),
        Column("method", Kind.TEXT, "How the application sent it."),
        Column("customer", Kind.TEXT, "The customer that it names."),
        Column("status", Kind.WORD, "What became of it."),
        Column("messages", Kind.COUNT, "Messages sent to the address until now."),
        Column(
            "customers",
            Kind.OBJECT,
            "Customers who have the address on file: {customer, kind, name, primary} each.",
        ),
    ),
    sorts=_RECIPIENT_SORTS,
    default_sort="-first_at",
    place=("address", "channel"),
    picture=Picture("New recipients, by when and channel", x="first_at", by="channel"),
    parameters=with_paging({**SHARED, **TIMES}, _RECIPIENT_SORTS),
    rows=_recipients,
    is_costly=True,
)
