"""What stands in the navigation: each page module says its own entries, `app.PAGES` gives their order."""

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
