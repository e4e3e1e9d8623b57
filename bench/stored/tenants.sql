-- Who sends: one tenant with most of the rows, two middling ones, and many small ones.
CREATE TABLE drafts.tenants ENGINE = Memory AS
SELECT
    multiIf(number = 0, 'atlas', number = 1, 'birch', number = 2, 'cedar', format('studio-{}', leftPad(toString(number - 2), 2, '0'))) AS tenant,
    multiIf(number = 0, 0.6, number = 1, 0.15, number = 2, 0.08, 0.17 / {small:UInt32}) * {rows:UInt64} AS rows,
    -- How many people it writes to, in households of two.
    toUInt64(greatest(100, rows / 24)) AS people
FROM numbers(3 + {small:UInt32});
