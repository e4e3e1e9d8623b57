-- What is known of the addresses that messages went to.
INSERT INTO address_standing (tenant, channel, address, standing, reason, reasons, complained, since, event_id, updated_at, revision)
SELECT
    tenant, channel, recipient AS address,
    if(bad, 'invalid', 'valid') AS standing,
    multiIf(NOT bad, '', complained, 'complaint', 'hard_bounce') AS reason,
    if(bad, [reason], []) AS reasons,
    complained, since, event_id, heard_at AS updated_at, latest AS revision
FROM
(
    SELECT
        tenant, channel, recipient, max(is_complained) AS complained, max(is_bounced) OR complained AS bad,
        maxIf(changed_at, is_bounced OR is_complained) AS since, any(m.event_id) AS event_id, max(m.updated_at) AS heard_at, max(m.revision) AS latest
    FROM message_status AS m
    GROUP BY tenant, channel, recipient
);

-- Nearly all opted in before they were first written to, a few changed their minds later, and of these a few once more.
INSERT INTO consent_log
(
    entry_id, tenant, channel, address, category, sender, consent, source, actor, evidence, reason, at, recorded_at, recorded_by,
    receipt_id, message_id
)
WITH
    toDateTime64({now:DateTime64(3)}, 3, 'UTC') AS now_,
    (tenant, channel, address, category) AS whose,
    first_at - toIntervalHour(1 + any_below(1000, whose, 'before')) AS in_at,
    least(now_, first_at + toIntervalSecond(any_below(400 * 86400, whose, 'out'))) AS out_at,
    least(now_, out_at + toIntervalSecond(any_below(30 * 86400, whose, 'again'))) AS again_at
SELECT
    digits_of((whose, change.1, change.2), 'entry'), tenant, channel, address, category, '', change.1,
    any_of(['customer', 'customer', 'staff', 'import'], (whose, change.2), 'source') AS source, if(source = 'customer', address, 'Sam Lee'),
    if(source = 'customer', '{"method":"portal","wording":"Send me news","reference":null}', ''), '',
    change.2, change.2 + toIntervalMillisecond(300), if(source = 'customer', '', 'app'), digits_of((whose, change.2), 'consent receipt'), ''
FROM
(
    SELECT tenant, channel, recipient AS address, min(m.filed_at) AS first_at, arrayJoin(['marketing', 'notification']) AS category
    FROM message_status AS m
    GROUP BY tenant, channel, recipient
)
ARRAY JOIN arrayFilter(each -> each.3, [
    ('in', in_at, chance(whose, 'opts in') < 0.99),
    ('out', out_at, chance(whose, 'opts out') < 0.02),
    ('in', again_at, chance(whose, 'opts out') < 0.004)
]) AS change;

-- What of it stands.
INSERT INTO consents (tenant, channel, address, category, sender, state, since, source, actor, evidence, reason, entry_id, message_id, revision, updated_at)
SELECT
    tenant, channel, address, category, sender, latest.1, latest.2, latest.3, latest.4, latest.5, '', latest.6, '',
    1099511627776 + toUnixTimestamp64Milli(latest.2) % 1000000000, latest.2
FROM
(
    SELECT tenant, channel, address, category, sender, argMax((consent, at, source, actor, evidence, entry_id), (at, consent = 'out')) AS latest
    FROM consent_log
    GROUP BY tenant, channel, address, category, sender
);

-- One callback in ten thousand could not be understood.
INSERT INTO dead_letters (tenant, receipt, raw, reason, detail, stage, failed_at, source)
WITH any_below(400 * 86400000, number, 'dead letter') AS ago, toDateTime64({now:DateTime64(3)}, 3, 'UTC') - toIntervalMillisecond(ago) AS at
SELECT
    t.tenant,
    format('{{"receipt_id":"{}","received_at":{},"provider":"ses","tenant":"{}","message_id":"","verified":{{"by":"sns","version":"2"}},"content_type":"text/plain; charset=UTF-8","query":"","body":"{{\\"Type\\":\\"Notification\\",\\"Message\\":\\"Alarm: the disk is full\\"}}","body_encoding":"utf-8"}}',
        digits_of(number, 'dead receipt'), toString(toUnixTimestamp64Milli(at)), t.tenant),
    '', 'not_ses', 'expected the Message to be the JSON of an SES event', 'track', at,
    format('{{"topic":"waybill-receipts","partition":{},"offset":{},"index":0}}', toString(number % 16), toString(number))
FROM (SELECT tenant, arrayJoin(range(toUInt64(rows / 2500))) AS nth, cityHash64(tenant, nth) % 1000000000 AS number FROM drafts.tenants) AS t;

-- The customers that the messages name, with all the addresses used.
INSERT INTO customers (tenant, customer, kind, name, created_at, addresses, revision, updated_at)
SELECT
    m.tenant, m.customer, 'client', format('{} {}', any_of({first_names:Array(String)}, m.customer, 'first name'), name_of(zipf_below(20000, m.customer, 'surname'))),
    min(m.filed_at), groupUniqArray((m.recipient, m.recipient, m.channel::String, m.channel = 'email')), max(m.revision), max(m.updated_at)
FROM message_status AS m
WHERE m.customer != ''
GROUP BY m.tenant, m.customer;
