-- Opens and clicks that are machines' by what stands around them: by reason, the beginnings of their events' identities. Such
-- a verdict belongs to the message's status and not to the event, because a delivery may be heard of after its open.
ALTER TABLE message_status
    ADD COLUMN IF NOT EXISTS unmasked Map(LowCardinality(String), Array(String)) CODEC(ZSTD(1)) AFTER human_clicks;

-- Part of the SQL contract, docs/sql.md.
CREATE VIEW IF NOT EXISTS v_machine_verdicts AS
SELECT
    m.tenant AS tenant,
    m.message_id AS message_id,
    nullIf(m.recipient, '') AS recipient,
    m.filed_at AS at,
    verdict.1 AS event,
    verdict.2 AS reason
FROM message_status AS m FINAL
ARRAY JOIN arrayFlatten(arrayMap(
    (reason, events) -> arrayMap(event -> (event, reason), events),
    mapKeys(m.unmasked), mapValues(m.unmasked)
)) AS verdict;
