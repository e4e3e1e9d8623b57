-- Addresses: their standing, their consents with the audit log, and the customers whose they are. Nothing here expires:
-- a suppression or an opt-out that was forgotten would be written to again.

-- The current standing of each address.
CREATE TABLE IF NOT EXISTS address_standing
(
    tenant LowCardinality(String),
    channel LowCardinality(String),
    address String CODEC(ZSTD(1)),
    standing LowCardinality(String),
    reason LowCardinality(String),
    reasons Array(LowCardinality(String)),
    complained Bool,
    since Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    cause LowCardinality(String),
    code LowCardinality(String),
    diagnostic String CODEC(ZSTD(1)),
    hint LowCardinality(String),
    soft_bounces_in_a_row UInt32,
    soft_bounce String CODEC(ZSTD(1)),
    last_verdict_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    reset String CODEC(ZSTD(1)),
    revision UInt64 CODEC(Delta, ZSTD(1)),
    updated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    domain LowCardinality(String) MATERIALIZED if(position(address, '@') > 0, splitByChar('@', address)[-1], ''),
    -- When it became what it is, where an order needs a time for every row.
    since_ms Int64 ALIAS toUnixTimestamp64Milli(ifNull(since, fromUnixTimestamp64Milli(toInt64(0), 'UTC')))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, channel, address);

-- The current consent of each address to a category, or to what one sender sends of it; `category` is '*' for an opt-out
-- from a sender as such, as STOP is, `sender` '' where it is not of one sender alone.
CREATE TABLE IF NOT EXISTS consents
(
    tenant LowCardinality(String),
    channel LowCardinality(String),
    address String CODEC(ZSTD(1)),
    category LowCardinality(String),
    sender LowCardinality(String),
    state LowCardinality(String),
    since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    actor String CODEC(ZSTD(1)),
    evidence String CODEC(ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    entry_id String CODEC(ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    revision UInt64 CODEC(Delta, ZSTD(1)),
    updated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, channel, address, category, sender);

-- Every change of consent, without end. A change that is told twice is one entry: the first recording stays.
CREATE TABLE IF NOT EXISTS consent_log
(
    entry_id String CODEC(ZSTD(1)),
    tenant LowCardinality(String),
    channel LowCardinality(String),
    address String CODEC(ZSTD(1)),
    category LowCardinality(String),
    sender LowCardinality(String),
    consent LowCardinality(String),
    source LowCardinality(String),
    actor String CODEC(ZSTD(1)),
    evidence String CODEC(ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    recorded_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    recorded_by LowCardinality(String),
    receipt_id String CODEC(ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    seniority UInt64 MATERIALIZED 18446744073709551615 - toUInt64(greatest(0, toUnixTimestamp64Milli(recorded_at))) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(seniority)
ORDER BY (tenant, channel, address, entry_id);

-- The customers as they were last put, with all their addresses.
CREATE TABLE IF NOT EXISTS customers
(
    tenant LowCardinality(String),
    customer String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    name String CODEC(ZSTD(1)),
    created_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    addresses Array(Tuple(address String, address_as_given String, channel String, `primary` Bool)) CODEC(ZSTD(1)),
    revision UInt64 CODEC(Delta, ZSTD(1)),
    updated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- Whose is an address? Of these the index tells quickly where not to look.
    reached_by Array(String) MATERIALIZED arrayMap(a -> a.3 || ':' || a.1, addresses) CODEC(ZSTD(1)),
    INDEX by_address reached_by TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (tenant, customer);

-- One row for each address of each customer, exact: what was taken from a customer is gone from here at once.
CREATE VIEW IF NOT EXISTS customer_addresses AS
SELECT
    c.tenant AS tenant,
    c.customer AS customer,
    a.3 AS channel,
    a.1 AS address,
    a.2 AS address_as_given,
    a.4 AS `primary`
FROM customers AS c FINAL
ARRAY JOIN c.addresses AS a;

-- More of the SQL contract for analysts, docs/sql.md: as in 0002, columns may be added, none is changed or taken away.

CREATE VIEW IF NOT EXISTS v_addresses AS
SELECT
    m.tenant AS tenant,
    m.channel AS channel,
    m.address AS address,
    nullIf(m.domain, '') AS domain,
    m.standing AS standing,
    nullIf(m.reason, '') AS reason,
    m.reasons AS reasons,
    m.complained AS complained,
    m.since AS since,
    nullIf(m.cause, '') AS cause,
    nullIf(m.code, '') AS code,
    nullIf(m.diagnostic, '') AS diagnostic,
    nullIf(m.event_id, '') AS event_id,
    nullIf(m.message_id, '') AS message_id,
    nullIf(m.hint, '') AS hint,
    m.soft_bounces_in_a_row AS soft_bounces_in_a_row,
    nullIf(m.soft_bounce, '') AS soft_bounce,
    m.last_verdict_at AS last_verdict_at,
    nullIf(m.reset, '') AS reset,
    m.updated_at AS updated_at
FROM address_standing AS m FINAL;

CREATE VIEW IF NOT EXISTS v_consents AS
SELECT
    m.tenant AS tenant,
    m.channel AS channel,
    m.address AS address,
    m.category AS category,
    nullIf(m.sender, '') AS sender,
    m.state AS state,
    m.since AS since,
    m.source AS source,
    m.actor AS actor,
    nullIf(m.evidence, '') AS evidence,
    nullIf(m.reason, '') AS reason,
    m.entry_id AS entry_id,
    nullIf(m.message_id, '') AS message_id,
    m.updated_at AS updated_at
FROM consents AS m FINAL;

CREATE VIEW IF NOT EXISTS v_consent_log AS
SELECT
    m.tenant AS tenant,
    m.entry_id AS entry_id,
    m.channel AS channel,
    m.address AS address,
    m.category AS category,
    nullIf(m.sender, '') AS sender,
    m.consent AS consent,
    m.source AS source,
    m.actor AS actor,
    nullIf(m.evidence, '') AS evidence,
    nullIf(m.reason, '') AS reason,
    m.at AS at,
    m.recorded_at AS recorded_at,
    nullIf(m.recorded_by, '') AS recorded_by,
    m.receipt_id AS receipt_id,
    nullIf(m.message_id, '') AS message_id
FROM consent_log AS m FINAL;
