-- A merge holds rows of about a MiB of each part at a time, and takes one column after the other. With the defaults
-- (10 MiB, and all columns at once up to 131,072 rows) merges of a busy store took 420 MiB together instead of 99, for
-- 6 % less CPU.
ALTER TABLE receipts MODIFY SETTING
    merge_max_block_size_bytes = 1048576,
    vertical_merge_algorithm_min_rows_to_activate = 1,
    vertical_merge_algorithm_min_columns_to_activate = 2;

ALTER TABLE events MODIFY SETTING
    merge_max_block_size_bytes = 1048576,
    vertical_merge_algorithm_min_rows_to_activate = 1;

ALTER TABLE message_status MODIFY SETTING
    merge_max_block_size_bytes = 1048576,
    vertical_merge_algorithm_min_rows_to_activate = 1;
