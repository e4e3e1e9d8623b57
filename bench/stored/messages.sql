-- The statuses of the messages sent in one month, each row as the fold would have left it at {now}.
INSERT INTO message_status
(
    tenant, message_id, recipient, recipient_as_given, channel, provider, status, rank, previous_status, changed_at, event_id,
    revision, filed_at, updated_at, domain, sender, subject, text, campaign, customer, category, document, method, link, tracking,
    reason, sent_at, delivered_at, first_opened_at, last_opened_at, first_human_opened_at, first_clicked_at, last_clicked_at,
    first_human_clicked_at, bounced_at, complained_at, unsubscribed_at, opens, human_opens, clicks, human_clicks, soft_bounces,
    approximate, gave_up, soft_bounce, delay, bounce, complaint, error_code, error, reached
)
WITH
    toDateTime64({now:DateTime64(3)}, 3, 'UTC') AS now_,
    -- Of all that is sent by mail: the fate, and where it comes to it, opens and clicks.
    channel = 'email' AS is_email,
    chance(about, 'fate') AS u,
    multiIf(
        filed_at > now_ - toIntervalMinute(5), 'queued',
        is_email, transform(
            arrayFirstIndex(edge -> u < edge, [0.0005, 0.0155, 0.0255, 0.0285, 0.0355, 0.0455, 0.046, 0.0465, 0.0467, 0.0469, 0.05]),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
            ['complained', 'bounced', 'gave_up', 'delayed', 'skipped', 'invalid', 'rejected', 'failed', 'canceled', 'queued', 'sent'],
            'delivered'),
        transform(
            arrayFirstIndex(edge -> u < edge, [0.03, 0.04, 0.045, 0.055, 0.0555, 0.07]),
            [1, 2, 3, 4, 5, 6],
            ['undelivered', 'rejected', 'failed', 'skipped', 'queued', 'sent'],
            'delivered')) AS fate,
    has(['complained', 'bounced', 'gave_up', 'delayed', 'sent', 'delivered', 'undelivered'], fate)
        OR (fate IN ('rejected', 'failed') AND NOT is_email) AS handed_over,
    if(handed_over, filed_at, NULL) AS sent_at_,
    filed_at + toIntervalMillisecond(800 + toUInt64(20000 * pow(chance(about, 'delivery'), 4))) AS answered_at,
    if(fate IN ('delivered', 'complained'), answered_at, NULL) AS delivered_at_,
    -- Half a minute to a week after it came; some never, and nobody in the future.
    answered_at + toIntervalSecond(toUInt64(pow(10, 1.5 + 4.3 * chance(about, 'opening')))) AS opening_at,
    is_email AND fate IN ('delivered', 'complained') AND tracking_ != 'none' AND opening_at < now_
        AND chance(about, 'opens it') < if(category = 'marketing', 0.38, 0.6) AS is_opened_,
    if(is_opened_, 1 + toUInt32(7 * pow(chance(about, 'opens'), 2)), 0) AS opens_,
    least(now_, opening_at + toIntervalSecond(toUInt64((opens_ - 1) * 9000 * chance(about, 'again')))) AS last_opening_at,
    is_opened_ AND chance(about, 'clicks it') < 0.16 AS is_clicked_,
    if(is_clicked_, 1 + toUInt32(3 * pow(chance(about, 'clicks'), 3)), 0) AS clicks_,
    least(now_, opening_at + toIntervalSecond(4 + any_below(200, about, 'reading'))) AS clicking_at,
    is_clicked_ AND chance(about, 'scanner') > 0.08 AS is_human_clicked_,
    is_opened_ AND (is_human_clicked_ OR chance(about, 'prefetch') > 0.35) AS is_human_opened_,
    is_opened_ AND category = 'marketing' AND chance(about, 'leaves') < 0.004 AS is_unsubscribed_,
    multiIf(fate IN ('gave_up', 'delayed'), 'sent', fate = 'delivered' AND is_clicked_, 'clicked', fate = 'delivered' AND is_opened_, 'opened', fate) AS status_,
    multiIf(is_unsubscribed_ OR is_clicked_, greatest(last_opening_at, clicking_at), is_opened_, last_opening_at,
        handed_over, answered_at, filed_at) AS told_at,
    least(now_, if(fate = 'complained', greatest(told_at, opening_at), told_at)) + toIntervalMillisecond(300) AS updated_at_,
    -- Causes with the diagnostics that they are known by: how often, subtype, code, cause, diagnostic.
    arrayElement([
        ('General', '5.1.1', 'mailbox', 'smtp; 550 5.1.1 The email account that you tried to reach does not exist'),
        ('NoEmail', '5.1.10', 'mailbox', 'smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'),
        ('General', '5.1.2', 'domain', 'smtp; 550 5.1.2 Host unknown (Name server: host not found)'),
        ('General', '5.7.1', 'blocked', 'smtp; 554 5.7.1 Message rejected as spam by Content Filtering'),
        ('General', '5.7.26', 'blocklisted_ip', 'smtp; 550 5.7.1 Service unavailable; client host blocked using Spamhaus')
    ], 1 + zipf_below(5, about, 'bounce')) AS hard,
    arrayElement([
        ('MailboxFull', '5.2.2', 'full', 'smtp; 552 5.2.2 The email account that you tried to reach is over quota'),
        ('General', '4.4.7', 'server', 'smtp; 421 4.4.7 Message expired: unable to deliver in 840 minutes'),
        ('General', '4.7.0', 'rate_limited', 'smtp; 421 4.7.0 Try again later, closing connection'),
        ('ContentRejected', '5.6.0', 'content', 'smtp; 552 5.6.0 Message content rejected')
    ], 1 + zipf_below(4, about, 'soft bounce')) AS soft,
    arrayElement([
        ('30003', 'The handset is off or out of reach.'), ('30005', 'The number is unknown or no longer in service.'),
        ('30006', 'It is a landline, or its carrier cannot be reached.'), ('30008', 'The carrier gave no reason.')
    ], 1 + zipf_below(4, about, 'error')) AS undeliverable,
    multiIf(
        fate = 'undelivered', undeliverable.1, fate = 'rejected' AND NOT is_email, '30007', fate = 'failed' AND NOT is_email, '21211',
        fate = 'skipped' AND NOT is_email, '21610', '') AS error_code_,
    formatDateTime(answered_at, '%Y-%m-%dT%H:%i:%S.%fZ') AS answered_text,
    -- A person: where mail and texts go.
    (tenant, person) AS whom,
    zipf_of({first_names:Array(String)}, whom, 'first name') AS first_name,
    if(chance(whom, 'provider') < 0.8, zipf_of({domains:Array(String)}, whom, 'domain'),
        format('{}.{}', lower(name_of(zipf_below(3000, whom, 'own domain'))), any_of(['com', 'org', 'net', 'co.uk'], whom, 'ending'))) AS domain_,
    format('{}.{}{}@{}', lower(first_name), lower(name_of(zipf_below(20000, whom, 'surname'))), toString(any_below(1000, whom, 'digits')), domain_) AS mail_address,
    if(is_email, mail_address, format('+1555{}', leftPad(toString(any_below(10000000, whom, 'phone')), 7, '0'))) AS recipient_
SELECT
    tenant,
    if(is_email,
        format('0100{}-{}-{}-{}-{}-{}-000000', leftPad(lower(hex(toUnixTimestamp64Milli(filed_at))), 12, '0'), substring(id, 1, 8),
            substring(id, 9, 4), substring(id, 13, 4), substring(id, 17, 4), substring(id, 21)),
        concat('SM', id)) AS message_id,
    recipient_ AS recipient,
    if(is_email AND chance(whom, 'spelling') < 0.1, concat(first_name, substring(recipient_, length(first_name) + 1)), recipient_) AS recipient_as_given,
    channel,
    if(is_email, 'ses', 'twilio') AS provider,
    status_ AS status,
    transform(status_,
        ['queued', 'skipped', 'canceled', 'sent', 'invalid', 'rejected', 'failed', 'undelivered', 'delivered', 'opened', 'clicked', 'bounced', 'complained'],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0) AS rank,
    if(status_ = 'queued', '', if(handed_over AND status_ != 'sent', 'sent', 'queued')) AS previous_status,
    updated_at_ AS changed_at,
    digits_of(about, 'changed by') AS event_id,
    1099511627776 + toUnixTimestamp64Milli(updated_at_) % 1000000000 AS revision,
    filed_at,
    updated_at_ AS updated_at,
    if(is_email, domain_, '') AS domain,
    if(is_email, format('{}{}@mail.example.com', tenant, if(category = 'transactional', '', concat('-', category))), format('+1800555{}', leftPad(toString(any_below(10000, tenant, 'number')), 4, '0'))) AS sender,
    subject,
    text,
    campaign,
    if(chance(whom, 'customer') < 0.85, format('C{}', toString(intDiv(person, 2) + 100000)), '') AS customer,
    category,
    document,
    method,
    if(document != '', concat('https://portal.example.com/documents/', document), '') AS link,
    tracking_ AS tracking,
    multiIf(fate = 'skipped', 'opted_out', fate = 'invalid', any_of(['hard_bounce', 'hard_bounce', 'repeated_soft_bounces', 'complaint'], whom, 'reason'), '') AS reason,
    sent_at_ AS sent_at,
    delivered_at_ AS delivered_at,
    if(is_opened_, opening_at, NULL) AS first_opened_at,
    if(is_opened_, last_opening_at, NULL) AS last_opened_at,
    if(is_human_opened_, opening_at, NULL) AS first_human_opened_at,
    if(is_clicked_, clicking_at, NULL) AS first_clicked_at,
    if(is_clicked_, clicking_at, NULL) AS last_clicked_at,
    if(is_human_clicked_, clicking_at, NULL) AS first_human_clicked_at,
    if(fate = 'bounced', answered_at, NULL) AS bounced_at,
    if(fate = 'complained', updated_at_, NULL) AS complained_at,
    if(is_unsubscribed_, updated_at_, NULL) AS unsubscribed_at,
    opens_ AS opens,
    if(is_human_opened_, opens_, 0) AS human_opens,
    clicks_ AS clicks,
    if(is_human_clicked_, clicks_, 0) AS human_clicks,
    fate = 'gave_up' AS soft_bounces,
    false AS approximate,
    fate = 'gave_up' AS gave_up,
    if(fate = 'gave_up', format('{{"type":"soft","subtype":"{}","code":"{}","cause":"{}","diagnostic":"{}","at":"{}"}}',
        soft.1, soft.2, soft.3, soft.4, answered_text), '') AS soft_bounce,
    if(fate = 'delayed', format('{{"type":"TransientCommunicationFailure","code":"4.4.1","diagnostic":"smtp; 421 4.4.1 Connection timed out","at":"{}","expires_at":null}}',
        answered_text), '') AS delay,
    if(fate = 'bounced', format('{{"type":"hard","subtype":"{}","code":"{}","cause":"{}","diagnostic":"{}","at":"{}"}}',
        hard.1, hard.2, hard.3, hard.4, answered_text), '') AS bounce,
    if(fate = 'complained', format('{{"type":"abuse","at":"{}"}}', answered_text), '') AS complaint,
    error_code_ AS error_code,
    multiIf(fate = 'undelivered', undeliverable.2, error_code_ = '30007', 'The carrier filtered it.', error_code_ = '21211', 'The number is not valid.', '') AS error,
    -- As View.reached in processors/status.py has it.
    arrayFilter(name -> name != '', [
        if(handed_over OR fate IN ('rejected', 'failed'), 'sent', ''), if(delivered_at_ IS NOT NULL, 'delivered', ''),
        if(is_opened_, 'opened', ''), if(is_human_opened_, 'human_opened', ''),
        if(is_clicked_, 'clicked', ''), if(is_human_clicked_, 'human_clicked', ''), if(fate = 'gave_up', 'soft_bounced', ''),
        if(is_unsubscribed_, 'unsubscribed', ''),
        if(has(['bounced', 'complained', 'undelivered', 'rejected', 'failed', 'canceled', 'skipped', 'invalid', 'queued'], fate), fate, '')]) AS reached
FROM
(
    SELECT
        tenant, 'email' AS channel, cityHash64(tenant, mailing, place) AS about, digits_of(about, 'mailing') AS id,
        (any_below(people, (tenant, mailing), 'first') + place) % people AS person,
        at + toIntervalMillisecond(place * 45 + any_below(40, about, 'ms')) AS filed_at,
        subject, '' AS text, campaign, category, '' AS document, 'newsletter' AS method, tracking AS tracking_
    FROM drafts.mailings ARRAY JOIN range(size) AS place
    WHERE at >= {from:DateTime64(3)} - toIntervalDay(1) AND at < {to:DateTime64(3)}
    UNION ALL
    SELECT
        tenant, channel, cityHash64(tenant, number, 'single') AS about, digits_of((tenant, message), 'single') AS id,
        -- One in twenty messages goes to both of a household.
        2 * intDiv(any_below(people, (tenant, message), 'person'), 2) + (number != message) AS person,
        filed_at,
        multiIf(
            channel = 'sms', '',
            kind = 0, format('Your receipt {} for {}', document, class),
            kind = 1, format('Statement {} of {} {}', document, first_name, surname),
            kind = 2, format('Confirmed: {} on {} with {}', class, day, first_name),
            kind = 3, format('{} {} is enrolled in {}', first_name, surname, class),
            'Reset your password') AS subject,
        if(channel = 'email', '', multiIf(
            kind < 2, format('Hi {}, reminder: {} with {} on {}. Reply STOP to opt out.', first_name, class, surname, day),
            kind = 2, format('{} is cancelled on {}. Questions? Ask {} at the desk.', class, day, surname),
            format('Your code is {}.', toString(100000 + any_below(900000, message, 'code'))))) AS text,
        '' AS campaign, if(channel = 'email', 'transactional', 'notification') AS category,
        if(channel = 'email' AND kind < 2, format('{}-{}', ['INV', 'STM'][kind + 1], toString(100000 + intDiv(message, 6))), '') AS document,
        if(channel = 'email', ['receipt', 'statement', 'confirmation', 'enrollment', 'password'][kind + 1], 'text') AS method,
        '' AS tracking_
    FROM
    (
        SELECT
            tenant, people, number,
            if(number % 2 = 1 AND chance((tenant, intDiv(number, 2)), 'both') < 0.1, number - 1, number) AS message,
            if(chance((tenant, message), 'channel') < 0.22, 'sms', 'email') AS channel,
            zipf_below(5, (tenant, message), 'kind') AS kind,
            zipf_of({classes:Array(String)}, (tenant, message), 'class') AS class,
            zipf_of({first_names:Array(String)}, (tenant, message), 'child') AS first_name,
            name_of(zipf_below(20000, (tenant, message), 'surname')) AS surname,
            any_of({days:Array(String)}, (tenant, message), 'day') AS day,
            toDateTime64({now:DateTime64(3)}, 3, 'UTC') - toIntervalMillisecond(toUInt64((messages - message) / messages * 400 * 86400000)) AS filed_at
        FROM drafts.singles ARRAY JOIN range(messages) AS number
        WHERE filed_at >= {from:DateTime64(3)} AND filed_at < {to:DateTime64(3)}
    )
)
WHERE filed_at >= {from:DateTime64(3)} AND filed_at < {to:DateTime64(3)};
