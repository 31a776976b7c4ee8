-- The views that every client of the lake sees. Days are UTC days, made without the ICU extension so that any
-- client can compute them. Amounts stay DECIMAL: sums are exact, nothing divides.
-- A reversal carries its charge's amount and billed usage negated, so sums over a view are "as rated now".

-- One row per charge, with the event that it prices.
CREATE VIEW rated_usage AS
SELECT
    u.event_id, c.leg, c.kind, u.start_utc, u.utc_offset_min, u.service, u.direction, u.a_number, u.b_number,
    u.account_key, u.imsi, u.network, u.cell, u.trunk_in, u.trunk_out, u.duration_s, u.volume_up_bytes,
    u.volume_down_bytes, u.usage, u.unit, u.cause, c.account, c.plan, c.rate, c.zone, c.prefix, c.band,
    c.billed_usage, c.amount, c.currency, c.note, c.tariff_version, c.rating_run, u.network_element,
    u.call_reference, u.source, u.record_no, u.layout
FROM charge c
JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc;

-- What the network carried, per day, service and route; every rated event once, whatever its legs.
CREATE VIEW traffic_daily AS
SELECT
    make_timestamp(epoch_us(start_utc))::DATE AS day, service, direction, trunk_in, trunk_out, network, unit,
    count(*) AS events, sum(duration_s)::BIGINT AS duration_s, sum(usage)::BIGINT AS usage,
    sum(volume_up_bytes)::BIGINT AS volume_up_bytes, sum(volume_down_bytes)::BIGINT AS volume_down_bytes
FROM usage
GROUP BY ALL;

-- What it earned and cost, per day, leg, service, route, zone, plan and currency.
CREATE VIEW revenue_daily AS
SELECT
    make_timestamp(epoch_us(start_utc))::DATE AS day, leg, service, trunk_in, trunk_out, account, plan, zone, band,
    currency, unit, sum(CASE kind WHEN 'charge' THEN 1 WHEN 'reversal' THEN -1 ELSE 0 END)::BIGINT AS events,
    sum(CASE kind WHEN 'charge' THEN duration_s WHEN 'reversal' THEN -duration_s ELSE 0 END)::BIGINT AS duration_s,
    sum(billed_usage)::BIGINT AS billed_usage, sum(amount) AS amount
FROM rated_usage
GROUP BY ALL;

-- Revenue legs minus cost legs, per event and currency.
CREATE VIEW margin_per_call AS
SELECT
    u.event_id, u.start_utc, u.service, u.a_number, u.b_number, u.trunk_in, u.trunk_out, u.duration_s, u.usage,
    u.unit, m.currency, m.revenue, m.cost, m.revenue - m.cost AS margin
FROM (
    SELECT
        event_id, start_utc, currency,
        coalesce(sum(amount) FILTER (leg IN ('retail', 'wholesale_in', 'roaming_out')), 0) AS revenue,
        coalesce(sum(amount) FILTER (leg IN ('wholesale_out', 'roaming_in', 'commission')), 0) AS cost
    FROM charge
    GROUP BY event_id, start_utc, currency
) m
JOIN usage u ON u.event_id = m.event_id AND u.start_utc = m.start_utc;

-- What visited networks charge otherwise than our own plan_in makes it. Amounts meet in the currency of either, by the
-- conversions that the charge holds; where these lead nowhere, or the plan has no price, they are not comparable.
CREATE VIEW roaming_difference AS
SELECT
    *, charged - expected AS difference,
    CASE WHEN charged IS NULL OR expected IS NULL THEN 'not comparable' ELSE 'differs' END AS verdict
FROM (
    SELECT
        c.event_id, c.start_utc, c.account, u.network, u.imsi, u.service, u.usage, u.unit, c.amount AS given_amount,
        c.currency AS given_currency, c.expected_amount, nullif(c.expected_currency, '') AS expected_currency,
        CASE c.expected_currency
            WHEN c.currency THEN c.amount WHEN nullif(c.converted_currency, '') THEN c.converted_amount
        END AS charged,
        CASE WHEN c.expected_currency IN (c.currency, nullif(c.converted_currency, '')) THEN c.expected_amount END
            AS expected
    FROM charge c
    JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc
    WHERE c.leg = 'roaming_in' AND c.kind = 'charge' AND c.expected_currency IS NOT NULL
)
WHERE charged IS NULL OR expected IS NULL OR charged <> expected;

-- Visitors' charges that no TAP file has taken to their home network.
CREATE VIEW tap_unsent AS
SELECT
    c.event_id, c.start_utc, c.account, u.imsi, u.service, u.direction, u.network_element, u.usage, u.unit, c.plan,
    c.amount, c.currency, c.tax_amount, c.tax_code, c.converted_amount, c.converted_currency, c.billed_usage,
    c.tariff_version, c.rating_run, coalesce(u.session_start_utc, u.start_utc) AS tariff_start_utc
FROM charge c
JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc
ANTI JOIN tap_charge t ON t.event_id = c.event_id
ANTI JOIN (SELECT event_id, rating_run FROM charge WHERE kind = 'reversal' AND leg = 'roaming_out') r
ON r.event_id = c.event_id AND r.rating_run > c.rating_run
WHERE c.leg = 'roaming_out' AND c.kind = 'charge';

-- Rejected records as they stand: a recycled one counts where it went, no longer where it was suspended.
CREATE VIEW set_aside AS
SELECT r.*
FROM rejected r
ANTI JOIN (SELECT source, record_no FROM suspense_action WHERE action = 'recycled') a
ON r.disposition = 'suspended' AND a.source = r.source AND a.record_no = r.record_no;

-- What was done with suspended records, one row per record.
CREATE VIEW suspense_history AS
SELECT
    source, record_no, bool_or(action IN ('recycled', 'written_off')) AS closed,
    count(*) FILTER (action = 'failed') AS failed_recycles,
    arg_max(reason, batch_id) FILTER (action = 'failed') AS last_reason
FROM suspense_action
GROUP BY source, record_no;

-- What waits in suspense: neither recycled nor written off. `reason` is the latest one.
CREATE VIEW suspense AS
SELECT
    r.source || ':' || r.record_no AS suspense_id, r.source, r.record_no, r.offset_bytes, r.layout, r.stage,
    coalesce(h.last_reason, r.reason) AS reason, r.reason AS first_reason,
    coalesce(h.failed_recycles, 0) AS failed_recycles, r.field, r.value, r.event_id, r.start_utc, r.duration_s,
    r.raw
FROM rejected r
LEFT JOIN suspense_history h ON h.source = r.source AND h.record_no = r.record_no
WHERE r.disposition = 'suspended' AND NOT coalesce(h.closed, false);

-- Copies of events that were there before.
CREATE VIEW duplicate AS
SELECT source, record_no, offset_bytes, layout, event_id, start_utc, duration_s, raw
FROM rejected WHERE disposition = 'duplicate';

-- Records that the layout declares not billable.
CREATE VIEW filtered AS
SELECT source, record_no, offset_bytes, layout, stage, reason, field, value, start_utc, duration_s, raw
FROM rejected WHERE disposition = 'filtered';

-- Each file with its place in the series, how far it is in, and where its records went.
CREATE VIEW file_status AS
SELECT
    f.name, f.source, f.stream, f.sequence_no, f.layout, f.size_bytes, f.content_bytes, o.next_offset, o.complete,
    t.records, t.rated, t.suspended, t.duplicate, t.filtered, t.merged, t.control
FROM source_file f
LEFT JOIN input_offset o ON o.source = f.source
LEFT JOIN (
    SELECT
        source, sum(records)::BIGINT AS records,
        coalesce(sum(records) FILTER (disposition = 'rated'), 0)::BIGINT AS rated,
        coalesce(sum(records) FILTER (disposition = 'suspended'), 0)::BIGINT AS suspended,
        coalesce(sum(records) FILTER (disposition = 'duplicate'), 0)::BIGINT AS duplicate,
        coalesce(sum(records) FILTER (disposition = 'filtered'), 0)::BIGINT AS filtered,
        coalesce(sum(records) FILTER (disposition = 'merged'), 0)::BIGINT AS merged,
        coalesce(sum(records) FILTER (disposition = 'control'), 0)::BIGINT AS control
    FROM control_total
    GROUP BY source
) t ON t.source = f.source;

-- Each partition of a stream: how far it is committed and published, and where its records went.
CREATE VIEW stream_status AS
SELECT
    o.source, o.next_offset, i.messages, i.record_bytes, i.published_offset, i.last_utc, t.records, t.rated,
    t.suspended, t.duplicate
FROM input_offset o
JOIN (
    SELECT
        source, sum(messages)::BIGINT AS messages, sum(record_bytes)::BIGINT AS record_bytes,
        max(published_offset) AS published_offset, make_timestamp(epoch_us(max(last_utc))) AS last_utc
    FROM intake
    GROUP BY source
) i ON i.source = o.source
LEFT JOIN (
    SELECT
        source, sum(records)::BIGINT AS records,
        coalesce(sum(records) FILTER (disposition = 'rated'), 0)::BIGINT AS rated,
        coalesce(sum(records) FILTER (disposition = 'suspended'), 0)::BIGINT AS suspended,
        coalesce(sum(records) FILTER (disposition = 'duplicate'), 0)::BIGINT AS duplicate
    FROM control_total
    GROUP BY source
) t ON t.source = o.source;
