"""What the overview tells of all messages of a time frame: their figures, and where most of them came back."""

from query.sql.figures import figure_columns
from query.sql.lists import named
from query.sql.rates import Period, grouped_sql
from query.sql.where import Where


def figures_by_day_sql(where: Where, zone: str, period: Period) -> str:
    """The figures by `channel` and `day` of a time zone, with those of the day that is as far from the period's end before it
    as previous_…; and of each channel a row for all days, whose `day` is null."""
    columns = figure_columns() | figure_columns("p_", "previous_")
    # Instead of each key a row for all of them has the default of its type.
    days = f"{grouped_sql(where, ('channel', 'day'), zone, period)} WITH ROLLUP"
    day = "if(m.g1 = defaultValueOfTypeName('Date'), NULL, toString(m.g1))"
    return f"SELECT m.g0 AS channel, {day} AS day, {named(columns)} FROM ({days}) AS m WHERE m.g0 != ''"


def came_back_sql(where: Where, limit: int) -> str:
    """Of each channel the groups of which most came back, at most `limit`: email that bounced or was given up by `domain` and
    `cause`, text messages that were not delivered by `error_code`; `bounced`, `soft_bounced` and `undelivered` of each."""
    return f"""
        SELECT
            toString(m.channel) AS channel, {_of("email", "domain")}, {_of("email", "cause")}, {_of("sms", "error_code")},
            countIf(m.is_bounced) AS bounced, countIf(m.is_soft_bounced) AS soft_bounced,
            countIf(m.is_undelivered) AS undelivered
        FROM message_status AS m FINAL
        WHERE {where.sql}
            AND (m.channel = 'email' AND (m.is_bounced OR m.is_soft_bounced) OR m.channel = 'sms' AND m.is_undelivered)
        GROUP BY channel, domain, cause, error_code
        ORDER BY bounced + soft_bounced + undelivered DESC, domain, cause, error_code
        LIMIT {limit} BY channel
    """


def _of(channel: str, column: str) -> str:
    return f"if(m.channel = '{channel}', toString(m.{column}), '') AS {column}"
