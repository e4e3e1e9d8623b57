"""When a pair of message and recipient first counted as opened or clicked: for the timeline, and for the rows behind it."""

FIRST_AT: dict[str, tuple[str, ...]] = {
    # A click tells of an open that was not seen.
    "opened": ("m.first_opened_at", "m.first_clicked_at"),
    "human_opened": ("m.first_human_opened_at", "m.first_human_clicked_at"),
    "clicked": ("m.first_clicked_at",),
    "human_clicked": ("m.first_human_clicked_at",),
}
"""By the name of the count: it is the earliest of these times."""


def first_at_sql(count: str) -> str:
    """When a row that counts so first did; NULL where no time of it is known."""
    return f"arrayMin(arrayFilter(t -> t IS NOT NULL, [{', '.join(FIRST_AT[count])}]))"
