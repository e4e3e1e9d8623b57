-- A search through everything finds what kind of bounce or delay it was, and what was said of a delay, too. Rows that are there
-- already stay as they are found until they are written anew.
ALTER TABLE message_status MODIFY COLUMN haystack String MATERIALIZED lowerUTF8(concat(
    recipient, if(lowerUTF8(recipient_as_given) = recipient, '', '\n' || recipient_as_given), '\n', sender, '\n', subject, '\n', text, '\n',
    campaign, '\n', customer, '\n', category, '\n', document, '\n', method, '\n', link, '\n', channel, '\n',
    status, '\n', reason, '\n', cause, '\n', error_code, '\n', error, '\n',
    JSONExtractString(bounce, 'code'), '\n', JSONExtractString(bounce, 'diagnostic'), '\n', JSONExtractString(bounce, 'subtype'), '\n',
    JSONExtractString(soft_bounce, 'code'), '\n', JSONExtractString(soft_bounce, 'diagnostic'), '\n', JSONExtractString(soft_bounce, 'subtype'), '\n',
    JSONExtractString(delay, 'code'), '\n', JSONExtractString(delay, 'diagnostic'), '\n', JSONExtractString(delay, 'type')
)) CODEC(ZSTD(1));
