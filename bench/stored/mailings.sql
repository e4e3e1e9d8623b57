-- Newsletters, from 100 recipients to 200,000, which make up 55 % of what a tenant sends.
CREATE TABLE drafts.mailings ENGINE = Memory AS
WITH
    (tenant, number) AS about,
    any_below(400, about, 'day') AS days_ago
SELECT
    tenant,
    people,
    number AS mailing,
    -- Between 8 and 19 o'clock; what would be sent later than now is of yesterday.
    toDateTime64({now:DateTime64(3)}, 3, 'UTC') - toIntervalDay(days_ago + 1)
        + toIntervalMillisecond(any_below(11 * 3600000, about, 'time')) AS at,
    least(people, 200000, toUInt64(100 * pow(2000, pow(chance(about, 'size'), 2)))) AS size,
    zipf_of({occasions:Array(String)}, about, 'occasion') AS occasion,
    zipf_of({classes:Array(String)}, about, 'class') AS class,
    format('{}-{}-{}', formatDateTime(at, '%Y-%m'), replaceAll(lower(occasion), ' ', '-'), toString(mailing)) AS campaign,
    multiIf(
        chance(about, 'form') < 0.5, format('{}: {} with {}', occasion, class, name_of(zipf_below(8000, about, 'name'))),
        chance(about, 'form') < 0.8, format('{} news from {} for {}', monthName(at), name_of(zipf_below(8000, about, 'name')), class),
        format('{} at the {} {} centre', occasion, name_of(any_below(40000, about, 'place')), class)) AS subject,
    if(chance(about, 'category') < 0.8, 'marketing', 'notification') AS category,
    if(chance(about, 'tracking') < 0.05, 'none', '') AS tracking
FROM
(
    SELECT tenant, people, number, sum(least(people, 200000, toUInt64(100 * pow(2000, pow(chance((tenant, number), 'size'), 2)))))
        OVER (PARTITION BY tenant ORDER BY number) AS so_far, rows
    FROM drafts.tenants CROSS JOIN numbers(5000) AS candidates
)
WHERE so_far <= 0.55 * rows OR number = 0
SETTINGS max_block_size = 65536;

-- How much is left for mail and texts to one household at a time.
CREATE TABLE drafts.singles ENGINE = Memory AS
SELECT
    t.tenant AS tenant,
    any(t.people) AS people,
    toUInt64(greatest(0, any(t.rows) - toFloat64(sum(m.size)))) AS messages
FROM drafts.tenants AS t LEFT JOIN drafts.mailings AS m USING (tenant)
GROUP BY tenant;
