-- Whether the message's id is none of SES's or Twilio's: those are of one length each and in one spelling, so that who searches for
-- a whole one finds it as it is, and in others only where the index tells that there are any. (With AND, OR or NOT in its expression
-- the index is not used.)
ALTER TABLE message_status DROP INDEX IF EXISTS by_odd_id;
ALTER TABLE message_status MODIFY COLUMN has_odd_id UInt8 ALIAS multiIf(
    length(message_id) = 60, notEmpty(trimLeft(message_id, '-0123456789abcdef')),
    length(message_id) = 34, notEmpty(trimLeft(message_id, '0123456789abcdefSM')),
    1
);
ALTER TABLE message_status ADD INDEX IF NOT EXISTS by_odd_id multiIf(
    length(message_id) = 60, notEmpty(trimLeft(message_id, '-0123456789abcdef')),
    length(message_id) = 34, notEmpty(trimLeft(message_id, '0123456789abcdefSM')),
    1
) TYPE minmax GRANULARITY 1;
ALTER TABLE message_status MATERIALIZE INDEX by_odd_id;
