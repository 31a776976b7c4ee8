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

-- Charges as they are rated now: those that no later run has reversed. `charge_as_of(run)` is the same as it was rated
-- when that run had ended.
CREATE VIEW charge_now AS
SELECT c.*
FROM charge c
ANTI JOIN (SELECT event_id, start_utc, leg, rating_run AS reversed_by FROM charge WHERE kind = 'reversal') r
ON r.event_id = c.event_id AND r.start_utc = c.start_utc AND r.leg = c.leg AND r.reversed_by > c.rating_run
WHERE c.kind = 'charge';

-- Runs of re-rating and closes of periods, with how far each is in and what it changed.
CREATE VIEW rating_runs AS
SELECT
    r.rating_run, r.kind, r.from_utc, r.until_utc, r.scope, r.tariff_version, r.parts, r.seen_batch,
    coalesce(o.next_offset, 0) AS parts_done, coalesce(o.complete, false) AS complete
FROM rating_run r
LEFT JOIN input_offset o ON o.source = 'rerate:' || r.rating_run;

-- Events as they are now: those that no corrected record has replaced.
CREATE VIEW usage_now AS
SELECT u.* FROM usage u
ANTI JOIN (SELECT replaces FROM correction) k ON k.replaces = u.event_id;

-- Events that landed after the period in which they start was closed, and no later run of kind due or close has seen.
-- The run that a corrected record came by has rated all that it touched.
CREATE VIEW rerate_due AS
SELECT u.event_id, u.start_utc, coalesce(u.session_start_utc, u.start_utc) AS tariff_start_utc, u.source, u.record_no,
    l.batch_id AS landed_batch
FROM (
    SELECT max(until_utc) FILTER (kind = 'close') AS closed_until_utc, max(seen_batch) AS seen_batch
    FROM rating_runs WHERE complete AND kind IN ('close', 'due')
) w
JOIN (
    SELECT source, hour_utc, batch_id FROM control_total WHERE disposition = 'rated' AND records > 0
) l ON l.batch_id > w.seen_batch AND l.hour_utc < w.closed_until_utc + INTERVAL 32 DAY
JOIN usage u ON u.source = l.source AND epoch_us(u.start_utc) // 3600000000 = epoch_us(l.hour_utc) // 3600000000
    AND coalesce(u.session_start_utc, u.start_utc) < w.closed_until_utc
LEFT JOIN (SELECT source, record_no, batch_id FROM suspense_action WHERE action = 'recycled') a
ON a.source = u.source AND a.record_no = u.record_no
LEFT JOIN batch b ON a.batch_id IS NULL AND b.batch_id = l.batch_id AND b.source = u.source
    AND (CASE WHEN starts_with(u.source, 'kafka:') THEN u.record_no >> 20 ELSE u.offset_bytes END) >= b.first_offset
    AND (CASE WHEN starts_with(u.source, 'kafka:') THEN u.record_no >> 20 ELSE u.offset_bytes END) < b.next_offset
ANTI JOIN (SELECT event_id FROM correction) k ON k.event_id = u.event_id
WHERE l.batch_id = coalesce(a.batch_id, b.batch_id);

-- What the network carried, per day, service and route; every rated event once, whatever its legs.
CREATE VIEW traffic_daily AS
SELECT
    make_timestamp(epoch_us(start_utc))::DATE AS day, service, direction, trunk_in, trunk_out, network, unit,
    count(*) AS events, sum(duration_s)::BIGINT AS duration_s, sum(usage)::BIGINT AS usage,
    sum(volume_up_bytes)::BIGINT AS volume_up_bytes, sum(volume_down_bytes)::BIGINT AS volume_down_bytes
FROM usage_now
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
    FROM charge_now c
    JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc
    WHERE c.leg = 'roaming_in' AND c.expected_currency IS NOT NULL
)
WHERE charged IS NULL OR expected IS NULL OR charged <> expected;

-- Visitors' charges that no TAP file has taken to their home network.
CREATE VIEW tap_unsent AS
SELECT
    c.event_id, c.start_utc, c.account, u.imsi, u.service, u.direction, u.network_element, u.usage, u.unit, c.plan,
    c.amount, c.currency, c.tax_amount, c.tax_code, c.converted_amount, c.converted_currency, c.billed_usage,
    c.tariff_version, c.rating_run, coalesce(u.session_start_utc, u.start_utc) AS tariff_start_utc
FROM charge_now c
JOIN usage u ON u.event_id = c.event_id AND u.start_utc = c.start_utc
ANTI JOIN (
    SELECT event_id FROM tap_charge
    UNION ALL  -- a corrected event was sent with any of its versions
    SELECT k.event_id FROM correction k
    JOIN (SELECT original, unnest([original, event_id]) AS version FROM correction) v ON v.original = k.original
    SEMI JOIN tap_charge s ON s.event_id = v.version
) t ON t.event_id = c.event_id
WHERE c.leg = 'roaming_out';

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

-- Which accounts each final bill run billed: usage before until_utc, of the rows of charge below charge_limit.
CREATE VIEW bill_span AS
SELECT l.account, r.run, r.until_utc, r.charge_limit
FROM (SELECT DISTINCT run, account FROM bill_line WHERE account <> '') l
JOIN bill_run r ON r.run = l.run
SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = l.run;

-- How far each account is billed. A run that bills an account reaches at least as far as every one before.
CREATE VIEW bill_frontier AS
SELECT account, max(run) AS run, max(until_utc) AS until_utc, max(charge_limit) AS charge_limit
FROM bill_span
GROUP BY account;

-- Charges to customers that no final bill has; charge_no is their place in the table.
CREATE VIEW charge_unbilled AS
SELECT c.*, c.rowid AS charge_no
FROM charge c
LEFT JOIN bill_frontier f ON f.account = c.account
WHERE c.leg = 'retail' AND (f.account IS NULL OR c.start_utc >= f.until_utc OR c.rowid >= f.charge_limit);

-- Bill runs and how far they are.
CREATE VIEW bill_run_state AS
SELECT r.*, s.state, s.by, s.at_utc, s.note
FROM bill_run r
JOIN (
    SELECT
        run, arg_max(step, batch_id) AS state, arg_max("by", batch_id) AS "by", max(at_utc) AS at_utc,
        arg_max(note, batch_id) AS note
    FROM bill_step GROUP BY run
) s ON s.run = r.run;

-- Bills with their number (empty before the run is final), period and dates.
CREATE VIEW bill_document AS
SELECT
    coalesce(n.number, '') AS number, r.state, r.cycle, r.first_day, r.last_day, r.zone, r.issued_on, r.due_on, b.*
FROM bill b
JOIN bill_run_state r ON r.run = b.run
LEFT JOIN bill_number n ON n.run = b.run AND n.bill_no = b.bill_no;

-- Charges as they were rated when run number `run` had ended: 0 is first rating.
CREATE MACRO charge_as_of(run) AS TABLE
SELECT c.*
FROM charge c
ANTI JOIN (SELECT event_id, start_utc, leg, rating_run AS reversed_by FROM charge WHERE kind = 'reversal') r
ON r.event_id = c.event_id AND r.start_utc = c.start_utc AND r.leg = c.leg AND r.reversed_by > c.rating_run
    AND r.reversed_by <= run
WHERE c.kind = 'charge' AND c.rating_run <= run;
