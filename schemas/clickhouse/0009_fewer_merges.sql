-- Ten or sixteen parts become one, not two or three: at 2,000 callbacks a second each row was merged four to eight times within
-- its first minute, which was as much of the engine's CPU as to insert it. What is few stays in parts of its own for longer,
-- which costs readers little: new parts are small, and FINAL looks only at those whose keys meet. Statuses are read most.
ALTER TABLE receipts MODIFY SETTING min_parts_to_merge_at_once = 16;

ALTER TABLE events MODIFY SETTING min_parts_to_merge_at_once = 16;

ALTER TABLE message_status MODIFY SETTING min_parts_to_merge_at_once = 10;
