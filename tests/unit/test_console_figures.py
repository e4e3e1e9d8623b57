"""The figures of pages: rates beside counts, and what is compared."""

from typing import Any

import pytest

from query.console.figures import CLICKED, DELIVERED, OPENED, UNDELIVERED, Figure, Kind, figures_of

CLICKED_BY_PEOPLE = Kind("Clicked by people", "human_clicked", of_opens=True)


def _item(counts: dict[str, int], rates: dict[str, float | None]) -> dict[str, Any]:
    return {"counts": counts, "rates": rates}


def _figure(kind: Kind, item: dict[str, Any], *, is_tracked: bool = True) -> Figure:
    (figure,) = figures_of([kind], item, str, is_tracked=is_tracked)
    return figure


@pytest.mark.parametrize(
    ("opened", "rate", "is_partly_tracked"),
    [(7, 7 / 20, False), (7, 4 / 13, True), (0, 0.0, False), (0, None, False)],
)
def test_a_rate_of_opens_tells_where_it_leaves_out_some_that_the_count_has(
    opened: int, rate: float | None, is_partly_tracked: bool
) -> None:
    counts = {"delivered": 20, "opened": opened}
    figure = _figure(OPENED, _item(counts, {"open": rate, "delivery": 0.4}))
    assert figure.is_partly_tracked is is_partly_tracked
    assert not _figure(DELIVERED, _item(counts, {"delivery": 0.4})).is_partly_tracked


@pytest.mark.parametrize("kind", [CLICKED_BY_PEOPLE, CLICKED])
def test_what_is_not_tracked_has_not_changed(kind: Kind) -> None:
    then = _item({"delivered": 4, kind.count: 1}, {"click": 0.25})
    now = _item({"delivered": 4, kind.count: 3}, {"click": 0.75}) | {"previous": then}
    assert _figure(kind, now).change
    assert _figure(kind, now, is_tracked=False).change is None


def test_a_share_that_the_api_has_no_rate_of_is_a_figure_as_others() -> None:
    then = _item({"sent": 4, "undelivered": 2}, {})
    figure = _figure(UNDELIVERED, _item({"sent": 4, "undelivered": 1}, {}) | {"previous": then})
    assert figure.rate == 0.25
    assert figure.change and (figure.change.arrow, figure.change.tone) == ("▼", "good")
    assert _figure(UNDELIVERED, _item({"sent": 0, "undelivered": 0}, {})).rate is None
