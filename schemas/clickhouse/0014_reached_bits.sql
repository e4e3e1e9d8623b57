-- Figures of millions of rows. Half of what a rate took was to read seventeen columns of one bit each: here `reached` is one number,
-- the first of `COUNTS` (schemas/status.py) in the lowest bit, and above them whether opens and clicks may be seen at all. Rows
-- are counted by this number first, of which there are some dozens of different ones.
ALTER TABLE message_status ADD COLUMN IF NOT EXISTS reached_bits UInt32 MATERIALIZED
    is_sent + 2 * is_delivered + 4 * is_opened + 8 * is_human_opened + 16 * is_clicked + 32 * is_human_clicked
    + 64 * is_bounced + 128 * is_soft_bounced + 256 * is_complained + 512 * is_unsubscribed + 1024 * is_undelivered
    + 2048 * is_rejected + 4096 * is_failed + 8192 * is_canceled + 16384 * is_skipped + 32768 * is_invalid + 65536 * is_queued
    + 131072 * (channel = 'email' AND tracking != 'none')
    CODEC(LZ4) AFTER is_queued;
ALTER TABLE message_status MATERIALIZE COLUMN reached_bits;

-- The message as a number, as `recipient_hash` is the recipient: messages are counted by it.
ALTER TABLE message_status ADD COLUMN IF NOT EXISTS message_hash UInt64 MATERIALIZED sipHash64(tenant, message_id) CODEC(NONE) AFTER message_id;
ALTER TABLE message_status MATERIALIZE COLUMN message_hash;
