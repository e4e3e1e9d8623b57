"""What stands in the navigation: each page module says its own entries, `app.PAGES` gives their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the navigation, under the heading of its section. Entries of one section stand together."""

    section: str
    label: str
    path: str

    def leads_to(self, path: str) -> bool:
        """Whether the page `path` is this entry's, or one below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


def current(sections: Mapping[str, Sequence[Entry]], path: str) -> Entry | None:
    """The entry that the page `path` belongs to: of several the nearest above it."""
    above = [entry for entries in sections.values() for entry in entries if entry.leads_to(path)]
    return max(above, key=lambda entry: len(entry.path), default=None)
