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

-- Every second one opted in or out of something.
INSERT INTO consents (tenant, channel, address, category, sender, state, since, source, actor, evidence, reason, entry_id, message_id, revision, updated_at)
SELECT
    tenant, channel, address, any_of(['marketing', 'notification'], address, 'consent'), '', if(chance(address, 'state') < 0.9, 'in', 'out'),
    updated_at - toIntervalDay(30), 'customer', 'customer', '', '', digits_of(address, 'entry'), '', revision, updated_at - toIntervalDay(30)
FROM address_standing
WHERE chance(address, 'consents') < 0.5;

-- The customers that the messages name, with all the addresses used.
INSERT INTO customers (tenant, customer, kind, name, created_at, addresses, revision, updated_at)
SELECT
    m.tenant, m.customer, 'client', format('{} {}', any_of({first_names:Array(String)}, m.customer, 'first name'), name_of(zipf_below(20000, m.customer, 'surname'))),
    min(m.filed_at), groupUniqArray((m.recipient, m.recipient, m.channel::String, m.channel = 'email')), max(m.revision), max(m.updated_at)
FROM message_status AS m
WHERE m.customer != ''
GROUP BY m.tenant, m.customer;
