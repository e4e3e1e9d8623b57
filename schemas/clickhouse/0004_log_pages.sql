-- Pages of the log out of tens of millions of rows; docs/benchmarks.md tells what each of these brought.

-- Whether the row is of a recipient, as nearly all are. `recipient != ''` reads the recipients of all rows to tell so,
-- which took a third of a second for six million rows.
ALTER TABLE message_status ADD COLUMN IF NOT EXISTS is_attributed Bool MATERIALIZED recipient != '' AFTER recipient;
ALTER TABLE message_status MATERIALIZE COLUMN is_attributed;

-- What was updated lately stands among what was filed lately: where nothing can be, is not looked.
ALTER TABLE message_status ADD INDEX IF NOT EXISTS by_update updated_at TYPE minmax GRANULARITY 1;
ALTER TABLE message_status MATERIALIZE INDEX by_update;

-- FINAL costs nothing in a month that is one part. Months that nothing is written to any more become one.
ALTER TABLE message_status MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
