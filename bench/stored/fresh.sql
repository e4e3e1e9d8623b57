-- What came in just now, as the sink inserts it: some of the newest rows once more, opened since, with a higher revision.
INSERT INTO message_status
SELECT * REPLACE
(
    'opened' AS status, 9 AS rank, 'delivered' AS previous_status, revision + 1 AS revision,
    updated_at + toIntervalMillisecond(1) AS updated_at, updated_at AS changed_at,
    updated_at AS first_opened_at, updated_at AS last_opened_at, 1 AS opens, arrayDistinct(arrayPushBack(reached, 'opened')) AS reached
)
FROM message_status
WHERE filed_at > {now:DateTime64(3)} - toIntervalDay(3) AND status = 'delivered' AND cityHash64(message_id) % 32 = {batch:UInt64}
LIMIT 1000;
