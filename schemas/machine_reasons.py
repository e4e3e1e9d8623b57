"""Why an open or a click is a machine's: the words of `machine_reason`, and how each is told to people.

The rules that give these words are in processors/machine_opens.toml; docs/data-model.md has them with their sources.
"""

from dataclasses import dataclass

SHORT_IDENTITY = 16
"""Hex digits from the start of an event's identity by which the facts, and so the published status, know it."""


@dataclass(frozen=True, slots=True)
class MachineReason:
    """How a reason is told to people: in a few words, and what it means for the figures."""

    label: str
    meaning: str


MACHINE_REASONS: dict[str, MachineReason] = {
    "apple_mail_privacy": MachineReason(
        "Apple Mail Privacy Protection",
        "Apple loads the pictures of every mail in the background. Whether somebody read it cannot be seen.",
    ),
    "gmail_prefetch": MachineReason(
        "Gmail prefetch", "Gmail loaded the pictures before the mail was shown to anybody."
    ),
    "security_scanner": MachineReason(
        "Security scanner", "The recipient's mail security looked the mail or its links over, and says so."
    ),
    "link_preview": MachineReason(
        "Link preview", "A chat, social or office program fetched the page to show a preview of the link."
    ),
    "program": MachineReason(
        "Program", "A script or a browser without a window, not a program that people read mail with."
    ),
    "crawler": MachineReason("Crawler", "A robot that names itself as one."),
    "before_delivery": MachineReason(
        "Before the delivery", "It was looked at while the recipient's server was still taking the mail."
    ),
    "at_delivery": MachineReason(
        "At the delivery", "It came so soon after the delivery that nobody can have seen the mail."
    ),
    "many_links": MachineReason(
        "Many links at once", "Several different links were clicked faster than a person can."
    ),
}
"""By reason, how it is told. Reasons may be added."""

BY_CONTEXT = ("before_delivery", "at_delivery", "many_links")
"""The reasons that only the message's other facts give. An event does not carry these: they stand with the status,
since a delivery may be heard of after its open."""
