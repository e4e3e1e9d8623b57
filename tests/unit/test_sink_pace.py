"""How often the sink inserts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.sink.writer import LONGEST_PAUSE_S, interval_s

seconds = st.floats(0, 100)


def test_while_inserts_are_quick_the_setting_decides() -> None:
    assert interval_s(0.5, 0.05) == 0.5


def test_a_busy_clickhouse_gets_fewer_and_larger_batches() -> None:
    assert interval_s(0.5, 0.2) == pytest.approx(1.2)


@given(wait_s=seconds, last_took_s=seconds)
def test_no_row_waits_much_longer_than_the_setting_says_however_slow_clickhouse_is(
    wait_s: float, last_took_s: float
) -> None:
    assert wait_s <= interval_s(wait_s, last_took_s) <= max(wait_s, LONGEST_PAUSE_S)
