-- The events that the statuses of one month stand for: at most one of each kind but opens and clicks, which are as many as
-- were counted.
INSERT INTO events
(
    event_id, tenant, provider, channel, message_id, recipient, recipient_as_given, outcome, at, timed, received_at, receipt_id, sent_at,
    sender, subject, text, campaign, customer, category, document, method, link, tracking, detail, machine, machine_reason, late
)
SELECT
    digits_of((message_id, recipient, outcome, heard), 'event') AS event_id,
    tenant,
    if(outcome IN ('queued', 'skipped', 'invalid', 'canceled'), 'app', provider) AS provider,
    channel,
    message_id,
    recipient,
    recipient_as_given,
    outcome,
    ifNull(happened, filed_at) + toIntervalMinute((heard - 1) * 7) AS at,
    true AS timed,
    at + toIntervalMillisecond(300) AS received_at,
    digits_of((message_id, recipient, outcome, heard), 'receipt') AS receipt_id,
    sent_at,
    sender,
    subject,
    text,
    campaign,
    customer,
    category,
    document,
    method,
    link,
    tracking,
    multiIf(
        outcome = 'delivered' AND channel = 'email', '{"response":"250 2.6.0 Message received"}',
        outcome = 'bounced', bounce, outcome = 'soft_bounced', soft_bounce, outcome = 'delayed', delay, outcome = 'complained', complaint,
        outcome = 'opened', '{"user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"}',
        outcome = 'clicked', format('{{"link":"https://www.example.com/{}/{}"}}', campaign, toString(zipf_below(12, event_id, 'link'))),
        error_code != '', format('{{"code":"{}"}}', error_code), '{}') AS detail,
    multiIf(outcome = 'opened', human_opens = 0, outcome = 'clicked', human_clicks = 0, NULL) AS machine,
    if(machine, if(outcome = 'opened', 'mail_privacy_prefetch', 'scanner'), '') AS machine_reason,
    false AS late
FROM
(
    SELECT *, is_delivered, is_complained, is_unsubscribed, kind.1 AS outcome, kind.2 AS happened, heard
    FROM message_status
    ARRAY JOIN arrayFilter(kind -> kind.3 > 0, [
        ('queued', filed_at::Nullable(DateTime64(3, 'UTC')), 1::UInt32),
        ('sent', sent_at, (sent_at IS NOT NULL)::UInt32),
        ('delivered', delivered_at, is_delivered::UInt32),
        ('opened', first_opened_at, opens),
        ('clicked', first_clicked_at, clicks),
        ('bounced', bounced_at, (bounce != '')::UInt32),
        ('soft_bounced', changed_at, gave_up::UInt32),
        ('delayed', changed_at, (delay != '')::UInt32),
        ('complained', complained_at, is_complained::UInt32),
        ('unsubscribed', unsubscribed_at, is_unsubscribed::UInt32),
        (status::String, changed_at, (status IN ('skipped', 'invalid', 'canceled', 'rejected', 'failed', 'undelivered'))::UInt32)
    ]) AS kind
    ARRAY JOIN range(1, kind.3 + 1) AS heard
    WHERE filed_at >= {from:DateTime64(3)} AND filed_at < {to:DateTime64(3)}
);
