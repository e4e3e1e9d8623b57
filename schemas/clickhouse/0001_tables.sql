-- The store. Rows are the public JSON values as Kafka carries them (FORMAT JSONEachRow, unknown fields skipped,
-- objects kept as JSON text); docs/sql.md describes the views that others may rely on.
--
-- '' stands for "none" in text columns: none of these fields means anything when empty, and a column without a
-- null mask is smaller, faster to filter and can carry every index. Times that may be missing are Nullable.

-- Days that a tenant's rows are kept. Written by `python -m deploy prepare` from the tenants file.
CREATE TABLE IF NOT EXISTS tenant_retention
(
    tenant String,
    days UInt32,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY tenant;

CREATE VIEW IF NOT EXISTS tenant_retention_now AS SELECT tenant, days FROM tenant_retention FINAL;

-- TTL expressions must be deterministic and may not look anything up, so the day of expiry is worked out through
-- this dictionary when a row is inserted, and again (MATERIALIZE COLUMN) when a tenant's retention changes. It is
-- kept within what a DateTime holds, 1970 to 2106, so that an absurd time never wraps around.
CREATE DICTIONARY IF NOT EXISTS retention
(
    tenant String,
    days UInt32
)
PRIMARY KEY tenant
SOURCE(CLICKHOUSE(TABLE 'tenant_retention_now'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 30 MAX 60);

-- Every receipt as it arrived. `received_at` is in ms since the epoch, as in the envelope.
CREATE TABLE IF NOT EXISTS receipts
(
    receipt_id String CODEC(ZSTD(1)),
    received_at Int64 CODEC(Delta, ZSTD(1)),
    provider LowCardinality(String),
    tenant LowCardinality(String),
    message_id String CODEC(ZSTD(1)),
    verified String CODEC(ZSTD(3)),
    content_type LowCardinality(String),
    query String CODEC(ZSTD(3)),
    -- ZSTD(6) took a third more of the engine's CPU for receipts and saved 2 % of their disk space.
    body String CODEC(ZSTD(1)),
    body_encoding LowCardinality(String),
    received DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(received_at, 'UTC'),
    expires_at DateTime('UTC') MATERIALIZED toDateTime(toUInt32(least(4294967295, greatest(1,
        intDiv(received_at, 1000) + 86400 * toInt64(dictGetOrDefault('retention', 'days', tenant, toUInt32(400)))))), 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(received_at, 'UTC'))
ORDER BY receipt_id
TTL expires_at;

-- Normalised facts. One identity may be heard of several times, at different times: the first hearing stays.
CREATE TABLE IF NOT EXISTS events
(
    event_id String CODEC(ZSTD(1)),
    tenant LowCardinality(String),
    provider LowCardinality(String),
    channel LowCardinality(String),
    message_id String CODEC(ZSTD(1)),
    recipient String CODEC(ZSTD(1)),
    recipient_as_given String CODEC(ZSTD(1)),
    reported_recipient String CODEC(ZSTD(1)),
    outcome LowCardinality(String),
    at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    timed Bool,
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    receipt_id String CODEC(ZSTD(1)),
    sent_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    sender LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    text String CODEC(ZSTD(1)),
    campaign LowCardinality(String),
    customer String CODEC(ZSTD(1)),
    category LowCardinality(String),
    document String CODEC(ZSTD(1)),
    method LowCardinality(String),
    link String CODEC(ZSTD(1)),
    tracking LowCardinality(String),
    detail String CODEC(ZSTD(3)),
    machine Nullable(Bool),
    machine_reason LowCardinality(String),
    late Bool,
    seniority UInt64 MATERIALIZED 18446744073709551615 - toUInt64(greatest(0, toUnixTimestamp64Milli(received_at))) CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') MATERIALIZED toDateTime(toUInt32(least(4294967295, greatest(1,
        intDiv(toUnixTimestamp64Milli(received_at), 1000) + 86400 * toInt64(dictGetOrDefault('retention', 'days', tenant, toUInt32(400)))))), 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(seniority)
ORDER BY (tenant, message_id, event_id)
TTL expires_at;

-- The current status of each message and recipient. `recipient` is '' for what could not be attributed to one.
-- Of the columns in the sort and partition key none ever changes for a (tenant, message_id, recipient): filed_at is
-- fixed at the key's first fact. So FINAL needs to look no further than one partition.
CREATE TABLE IF NOT EXISTS message_status
(
    tenant LowCardinality(String),
    message_id String CODEC(ZSTD(1)),
    recipient String CODEC(ZSTD(1)),
    recipient_as_given String CODEC(ZSTD(1)),
    channel LowCardinality(String),
    provider LowCardinality(String),
    status LowCardinality(String),
    rank UInt8,
    previous_status LowCardinality(String),
    changed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    revision UInt64 CODEC(Delta, ZSTD(1)),
    filed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    updated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    domain LowCardinality(String),
    sender LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    text String CODEC(ZSTD(1)),
    campaign LowCardinality(String),
    customer String CODEC(ZSTD(1)),
    category LowCardinality(String),
    document String CODEC(ZSTD(1)),
    method LowCardinality(String),
    link String CODEC(ZSTD(1)),
    tracking LowCardinality(String),
    reason LowCardinality(String),
    sent_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    delivered_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    first_opened_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_opened_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    first_human_opened_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    first_clicked_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_clicked_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    first_human_clicked_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    bounced_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    complained_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    unsubscribed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    opens UInt32,
    human_opens UInt32,
    clicks UInt32,
    human_clicks UInt32,
    soft_bounces UInt32,
    approximate Bool,
    gave_up Bool,
    soft_bounce String CODEC(ZSTD(1)),
    delay String CODEC(ZSTD(1)),
    bounce String CODEC(ZSTD(1)),
    complaint String CODEC(ZSTD(1)),
    error_code LowCardinality(String),
    error LowCardinality(String),
    -- Which counts this row is in; the one definition for counts, rates and the filter `reached`.
    reached Array(LowCardinality(String)),
    is_sent Bool MATERIALIZED has(reached, 'sent'),
    is_delivered Bool MATERIALIZED has(reached, 'delivered'),
    is_opened Bool MATERIALIZED has(reached, 'opened'),
    is_human_opened Bool MATERIALIZED has(reached, 'human_opened'),
    is_clicked Bool MATERIALIZED has(reached, 'clicked'),
    is_human_clicked Bool MATERIALIZED has(reached, 'human_clicked'),
    is_bounced Bool MATERIALIZED has(reached, 'bounced'),
    is_soft_bounced Bool MATERIALIZED has(reached, 'soft_bounced'),
    is_complained Bool MATERIALIZED has(reached, 'complained'),
    is_unsubscribed Bool MATERIALIZED has(reached, 'unsubscribed'),
    is_undelivered Bool MATERIALIZED has(reached, 'undelivered'),
    is_rejected Bool MATERIALIZED has(reached, 'rejected'),
    is_failed Bool MATERIALIZED has(reached, 'failed'),
    is_canceled Bool MATERIALIZED has(reached, 'canceled'),
    is_skipped Bool MATERIALIZED has(reached, 'skipped'),
    is_invalid Bool MATERIALIZED has(reached, 'invalid'),
    is_queued Bool MATERIALIZED has(reached, 'queued'),
    -- Why it bounced: of the hard bounce, else of the soft one.
    cause LowCardinality(String) MATERIALIZED
        if(bounce != '', JSONExtractString(bounce, 'cause'), JSONExtractString(soft_bounce, 'cause')),
    -- All that a search looks through, in lower case, one field a line. Searches of single fields use its index too.
    haystack String MATERIALIZED lowerUTF8(concat(
        recipient, if(lowerUTF8(recipient_as_given) = recipient, '', '\n' || recipient_as_given), '\n', sender, '\n', subject, '\n', text, '\n',
        campaign, '\n', customer, '\n', category, '\n', document, '\n', method, '\n', link, '\n', channel, '\n',
        status, '\n', reason, '\n', cause, '\n', error_code, '\n', error, '\n',
        JSONExtractString(bounce, 'code'), '\n', JSONExtractString(bounce, 'diagnostic'), '\n',
        JSONExtractString(soft_bounce, 'code'), '\n', JSONExtractString(soft_bounce, 'diagnostic')
    )) CODEC(ZSTD(1)),
    expires_at DateTime('UTC') MATERIALIZED toDateTime(toUInt32(least(4294967295, greatest(1,
        intDiv(toUnixTimestamp64Milli(filed_at), 1000) + 86400 * toInt64(dictGetOrDefault('retention', 'days', tenant, toUInt32(400)))))), 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_message_id message_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_recipient recipient TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_customer customer TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_document document TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_gram haystack TYPE text(tokenizer = ngrams(3))
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(filed_at)
ORDER BY (tenant, filed_at, message_id, recipient)
TTL expires_at;

-- What could not be understood (stage `track`) or not be stored (stage `sink`). One place in one topic is one dead
-- letter, however often it is read again: the first writing stays.
CREATE TABLE IF NOT EXISTS dead_letters
(
    tenant LowCardinality(String),
    receipt String CODEC(ZSTD(6)),
    raw String CODEC(ZSTD(6)),
    reason LowCardinality(String),
    detail String CODEC(ZSTD(3)),
    stage LowCardinality(String),
    failed_at DateTime64(3, 'UTC'),
    source String CODEC(ZSTD(3)),
    source_topic LowCardinality(String) MATERIALIZED JSONExtractString(source, 'topic'),
    source_partition UInt32 MATERIALIZED JSONExtractUInt(source, 'partition'),
    source_offset UInt64 MATERIALIZED JSONExtractUInt(source, 'offset'),
    source_index UInt32 MATERIALIZED JSONExtractUInt(source, 'index'),
    seniority UInt64 MATERIALIZED 18446744073709551615 - toUInt64(greatest(0, toUnixTimestamp64Milli(failed_at))),
    expires_at DateTime('UTC') MATERIALIZED toDateTime(toUInt32(least(4294967295, greatest(1,
        intDiv(toUnixTimestamp64Milli(failed_at), 1000) + 86400 * toInt64(dictGetOrDefault('retention', 'days', tenant, toUInt32(400)))))), 'UTC')
)
ENGINE = ReplacingMergeTree(seniority)
ORDER BY (tenant, source_topic, source_partition, source_offset, source_index)
TTL expires_at;
