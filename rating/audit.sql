-- The questions of `toll audit`. Each begins with its name and what must hold; a check's rows are its
-- differences. Hours are UTC hours.

-- entered: records that entered = records accounted for, per source
SELECT source, coalesce(b.records, 0) AS entered, coalesce(t.records, 0) AS accounted
FROM (SELECT source, sum(records)::BIGINT AS records FROM batch WHERE source <> 'suspense' GROUP BY source) b
FULL JOIN (SELECT source, sum(records)::BIGINT AS records FROM control_total GROUP BY source) t USING (source)
WHERE entered <> accounted;

-- control_totals: control totals = rows, per source, hour, stage and reason
SELECT
    source, hour, stage, disposition, reason, sum(records * book)::BIGINT AS records_in_totals,
    sum(records * (1 - book))::BIGINT AS records_in_rows, sum(duration_s * book)::BIGINT AS seconds_in_totals,
    sum(duration_s * (1 - book))::BIGINT AS seconds_in_rows, sum(raw_bytes * book)::BIGINT AS bytes_in_totals,
    sum(raw_bytes * (1 - book))::BIGINT AS bytes_in_rows
FROM (
    SELECT
        1 AS book, source, make_timestamp(epoch_us(hour_utc)) AS hour, stage, disposition, reason, records,
        duration_s, raw_bytes
    FROM control_total
    UNION ALL
    SELECT
        0, source, date_trunc('hour', make_timestamp(epoch_us(start_utc))) AS hour, 'price', 'rated', '', count(*),
        sum(duration_s), sum(octet_length(raw))
    FROM usage
    GROUP BY source, hour
    UNION ALL
    SELECT
        0, source, date_trunc('hour', make_timestamp(epoch_us(start_utc))) AS hour, stage, disposition, reason,
        count(*), sum(duration_s), sum(octet_length(raw))
    FROM set_aside
    GROUP BY source, hour, stage, disposition, reason
)
GROUP BY source, hour, stage, disposition, reason
HAVING records_in_totals <> records_in_rows OR seconds_in_totals <> seconds_in_rows OR bytes_in_totals <> bytes_in_rows
ORDER BY source, hour, stage, disposition, reason;

-- charge_totals: charge totals = rows, per source, hour, leg and currency
SELECT
    source, hour, leg, currency, sum(charges * book)::BIGINT AS charges_in_totals,
    sum(charges * (1 - book))::BIGINT AS charges_in_rows,
    coalesce(sum(amount) FILTER (book = 1), 0) AS amount_in_totals,
    coalesce(sum(amount) FILTER (book = 0), 0) AS amount_in_rows
FROM (
    SELECT 1 AS book, source, make_timestamp(epoch_us(hour_utc)) AS hour, leg, currency, charges, amount
    FROM charge_total
    UNION ALL
    SELECT
        0, source, date_trunc('hour', make_timestamp(epoch_us(start_utc))) AS hour, leg, currency, count(*),
        sum(amount)
    FROM charge
    GROUP BY source, hour, leg, currency
)
GROUP BY source, hour, leg, currency
HAVING charges_in_totals <> charges_in_rows OR amount_in_totals <> amount_in_rows
ORDER BY source, hour, leg, currency;

-- batches: the batches of a source follow each other without gap or overlap, up to its stored offset
SELECT source, batch_id, first_offset, expected
FROM (
    SELECT *, lag(next_offset, 1, 0) OVER (PARTITION BY source ORDER BY first_offset, next_offset) AS expected
    FROM batch
)
WHERE first_offset <> expected
UNION ALL
SELECT b.source, NULL, max(b.next_offset), any_value(o.next_offset) AS stored
FROM batch b
LEFT JOIN input_offset o ON o.source = b.source
GROUP BY b.source
HAVING stored IS DISTINCT FROM max(b.next_offset);

-- sizes: bytes kept = bytes committed, and for a whole file = the size of its content
SELECT f.source, f.name, f.content_bytes, o.next_offset, o.complete, coalesce(r.raw_bytes, 0) AS raw_bytes
FROM source_file f
LEFT JOIN input_offset o ON o.source = f.source
LEFT JOIN (
    SELECT source, sum(raw_bytes)::BIGINT AS raw_bytes
    FROM (
        SELECT source, sum(octet_length(raw)) AS raw_bytes FROM usage GROUP BY source
        UNION ALL
        SELECT source, sum(octet_length(raw)) FROM set_aside GROUP BY source
    )
    GROUP BY source
) r ON r.source = f.source
WHERE coalesce(r.raw_bytes, 0) <> coalesce(o.next_offset, 0) OR (o.complete AND o.next_offset <> f.content_bytes)
ORDER BY f.source;

-- messages: every message that was taken is there with all its records, each once
SELECT source, coalesce(i.messages, 0) AS messages_taken, coalesce(r.messages, 0) AS messages_in_rows, r.incomplete
FROM (SELECT source, sum(messages)::BIGINT AS messages FROM intake GROUP BY source) i
FULL JOIN (
    SELECT source, count(*) AS messages, count(*) FILTER (records <> greatest(last, 1) OR places <> records) AS incomplete
    FROM (
        SELECT
            source, record_no >> 20 AS message, max(record_no & 1048575) AS last, count(*) AS records,
            count(DISTINCT record_no) AS places
        FROM (
            SELECT source, record_no FROM usage WHERE starts_with(source, 'kafka:')
            UNION ALL
            SELECT source, record_no FROM set_aside WHERE starts_with(source, 'kafka:')
        )
        GROUP BY source, message
    )
    GROUP BY source
) r USING (source)
WHERE messages_taken <> messages_in_rows OR incomplete > 0;

-- taken: the bytes that were counted when messages were taken = the bytes of the records that landed, per batch
SELECT i.source, i.batch_id, i.record_bytes AS taken, coalesce(t.raw_bytes, 0) AS landed
FROM intake i
LEFT JOIN (SELECT batch_id, source, sum(raw_bytes)::BIGINT AS raw_bytes FROM control_total GROUP BY batch_id, source) t
ON t.batch_id = i.batch_id AND t.source = i.source
WHERE taken <> landed;

-- charged: every event has a charge and every charge an event
SELECT 'event without a charge' AS fault, u.event_id, u.source, u.record_no
FROM usage u
ANTI JOIN charge c ON c.event_id = u.event_id
UNION ALL
SELECT 'charge without an event', c.event_id, c.source, NULL
FROM charge c
ANTI JOIN usage u ON u.event_id = c.event_id;

-- unique: no event is rated twice
SELECT event_id, count(*) AS events FROM usage GROUP BY event_id HAVING count(*) > 1;

-- balances: no lot is below zero, what expired or rolled over is out of it, free usage and money paid have movements
SELECT 'below zero' AS fault, holder, allowance, period_utc, NULL::UUID AS event_id, sum(units)::BIGINT AS units
FROM balance_movement WHERE kind NOT IN ('count', 'uncount')
GROUP BY holder, shared, allowance, period_utc, rolled
HAVING sum(units) < 0
UNION ALL
SELECT 'expired', holder, allowance, period_utc, NULL, sum(units)::BIGINT
FROM balance_movement
GROUP BY holder, shared, allowance, period_utc, rolled
HAVING sum(units) FILTER (kind = 'expire') <> 0 AND sum(units) <> 0
UNION ALL
SELECT 'rollover', holder, allowance, period_utc, NULL, sum(units)::BIGINT
FROM balance_movement
WHERE kind = 'rollover'
GROUP BY holder, shared, allowance, period_utc
HAVING sum(units) <> 0
UNION ALL
SELECT 'free usage', coalesce(c.account, m.account), '', NULL, coalesce(c.event_id, m.event_id),
    coalesce(c.free_usage, 0) - coalesce(m.free_usage, 0)
FROM (
    SELECT event_id, leg, rating_run, account, free_usage FROM charge WHERE kind = 'charge' AND free_usage <> 0
) c
FULL JOIN (
    SELECT event_id, leg, rating_run, account, sum(free_usage)::BIGINT AS free_usage
    FROM balance_movement WHERE kind = 'use'
    GROUP BY event_id, leg, rating_run, account
) m ON m.event_id = c.event_id AND m.leg = c.leg AND m.rating_run = c.rating_run AND m.account = c.account
WHERE coalesce(c.free_usage, 0) <> coalesce(m.free_usage, 0)
UNION ALL
SELECT 'covered', coalesce(c.account, m.account), '', NULL, coalesce(c.event_id, m.event_id),
    coalesce(c.nano, 0) - coalesce(m.nano, 0)
FROM (
    SELECT event_id, leg, rating_run, account, (covered_amount::DECIMAL(28, 9) * 1000000000::DECIMAL(10, 0))::BIGINT AS nano
    FROM charge WHERE kind = 'charge' AND covered_amount <> 0
) c
FULL JOIN (
    SELECT event_id, leg, rating_run, account, -sum(units)::BIGINT AS nano
    FROM balance_movement WHERE kind = 'use' AND unit NOT IN ('s', 'byte', 'event')
    GROUP BY event_id, leg, rating_run, account
) m ON m.event_id = c.event_id AND m.leg = c.leg AND m.rating_run = c.rating_run AND m.account = c.account
WHERE coalesce(c.nano, 0) <> coalesce(m.nano, 0);

-- reversals: a leg of an event has one live charge at most, which all its rows come to; so do its movements
SELECT 'live twice' AS fault, event_id, leg, count(*) AS found
FROM charge_now GROUP BY event_id, leg HAVING count(*) > 1
UNION ALL
SELECT 'reverses nothing', r.event_id, r.leg, r.rating_run
FROM charge r
ANTI JOIN charge c
ON c.kind = 'charge' AND c.event_id = r.event_id AND c.start_utc = r.start_utc AND c.leg = r.leg
    AND c.rating_run < r.rating_run AND c.amount = -r.amount AND c.account = r.account AND c.currency = r.currency
WHERE r.kind = 'reversal'
UNION ALL
SELECT 'does not come to the live charge', event_id, leg, count(*)
FROM (
    SELECT event_id, leg, account, plan, currency, amount, tax_amount, converted_amount, covered_amount, billed_usage,
        free_usage
    FROM charge
    UNION ALL
    SELECT event_id, leg, account, plan, currency, -amount, -tax_amount, -converted_amount, -covered_amount,
        -billed_usage, -free_usage
    FROM charge_now
)
SEMI JOIN (SELECT event_id FROM charge WHERE kind = 'reversal') r USING (event_id)
GROUP BY event_id, leg, account, plan, currency
HAVING sum(amount) <> 0 OR sum(tax_amount) <> 0 OR sum(converted_amount) <> 0 OR sum(covered_amount) <> 0
    OR sum(billed_usage) <> 0 OR sum(free_usage) <> 0
UNION ALL
SELECT 'moved by no live charge', m.event_id, m.leg, sum(m.units)::BIGINT
FROM balance_movement m
LEFT JOIN charge_now c ON c.event_id = m.event_id AND c.leg = m.leg AND c.rating_run = m.rating_run
WHERE m.event_id IS NOT NULL AND (c.event_id IS NULL OR m.kind IN ('return', 'uncount'))
GROUP BY m.event_id, m.leg, m.holder, m.shared, m.allowance, m.period_utc, m.rolled
HAVING sum(m.units) <> 0 OR sum(m.free_usage) <> 0;

-- partials: every partial but a first begins where the one before it in its session ended, and none is there twice
SELECT 'begins elsewhere' AS fault, p.event_id, p.source, p.record_no, p.partial_no, p.usage_offset
FROM usage p
ANTI JOIN (
    SELECT session_id, partial_no + 1 AS partial_no, usage_offset + usage AS usage_offset
    FROM usage WHERE session_id IS NOT NULL
) b
ON b.session_id = p.session_id AND b.partial_no = p.partial_no AND b.usage_offset = p.usage_offset
WHERE p.session_id IS NOT NULL AND (p.partial_no > 1 OR p.usage_offset <> 0)
UNION ALL
SELECT 'twice', p.event_id, p.source, p.record_no, p.partial_no, p.usage_offset
FROM usage p
JOIN usage o ON o.session_id = p.session_id AND o.partial_no = p.partial_no AND o.event_id > p.event_id
WHERE p.session_id IS NOT NULL AND o.start_utc BETWEEN p.start_utc - INTERVAL 32 DAY AND p.start_utc + INTERVAL 32 DAY;

-- billed: bills + unbilled = charges, per account and currency
SELECT
    account, currency, coalesce(charged, 0) AS charged, coalesce(billed, 0) AS billed, coalesce(unbilled, 0) AS unbilled,
    coalesce(c.rows, 0) AS charge_rows, coalesce(b.rows, 0) + coalesce(u.rows, 0) AS accounted_rows
FROM (SELECT account, currency, sum(amount) AS charged, count(*) AS rows FROM charge WHERE leg = 'retail' GROUP BY ALL) c
FULL JOIN (
    SELECT account, charge_currency AS currency, sum(charge_amount) AS billed, sum(charges)::BIGINT AS rows
    FROM bill_line SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = bill_line.run
    WHERE charges > 0 GROUP BY ALL
) b USING (account, currency)
FULL JOIN (SELECT account, currency, sum(amount) AS unbilled, count(*) AS rows FROM charge_unbilled GROUP BY ALL) u
USING (account, currency)
WHERE coalesce(charged, 0) <> coalesce(billed, 0) + coalesce(unbilled, 0) OR charge_rows <> accounted_rows;

-- bills: a bill is the sum of its lines, and its due carries on from the customer's bill before
SELECT 'lines' AS fault, b.run, b.bill_no, b.total AS told, coalesce(l.total, 0) AS found
FROM bill b
LEFT JOIN (
    SELECT run, bill_no, count(*) AS lines, sum(amount) + sum(tax) AS total, sum(tax) AS tax
    FROM bill_line GROUP BY run, bill_no
) l ON l.run = b.run AND l.bill_no = b.bill_no
WHERE b.total <> coalesce(l.total, 0) OR b.tax <> coalesce(l.tax, 0) OR b.lines <> coalesce(l.lines, 0)
    OR b.total <> b.charges + b.fees + b.discounts + b.covered + b.rounding + b.tax
UNION ALL
SELECT 'payments', b.run, b.bill_no, b.payments, coalesce(p.payments, 0)
FROM bill b
LEFT JOIN (SELECT run, bill_no, sum(amount) AS payments FROM bill_payment GROUP BY run, bill_no) p
ON p.run = b.run AND p.bill_no = b.bill_no
WHERE b.payments <> coalesce(p.payments, 0)
UNION ALL
SELECT 'due', run, bill_no, due, expected
FROM (
    SELECT
        *, lag(due, 1, 0) OVER (PARTITION BY customer, currency ORDER BY run) - payments + credited + total AS expected
    FROM bill SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = bill.run
    WHERE kind = 'invoice'
)
WHERE due <> expected
UNION ALL
SELECT 'paid twice', any_value(run), any_value(bill_no), sum(amount), 0
FROM bill_payment SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = bill_payment.run
GROUP BY reference HAVING count(*) > 1;

-- numbers: numbers of a series follow each other, and each bill of a finished run has one
SELECT series, sequence_no, number, run, bill_no
FROM (SELECT *, row_number() OVER (PARTITION BY series ORDER BY sequence_no) AS place FROM bill_number)
WHERE sequence_no <> place
UNION ALL
SELECT NULL, count(n.number), NULL, b.run, b.bill_no
FROM bill b
JOIN (SELECT run, arg_max(step, batch_id) AS state FROM bill_step GROUP BY run) s ON s.run = b.run
LEFT JOIN bill_number n ON n.run = b.run AND n.bill_no = b.bill_no
GROUP BY b.run, b.bill_no, s.state
HAVING count(n.number) <> 1 AND s.state = 'numbered' OR count(n.number) > 0 AND s.state NOT IN ('final', 'numbered');

-- content: the records of a file, laid end to end, are the file that came
SELECT offset_bytes, raw
FROM (
    SELECT offset_bytes, raw FROM usage
    WHERE source = $source AND offset_bytes >= $first_offset AND offset_bytes < $next_offset
    UNION ALL
    SELECT offset_bytes, raw FROM set_aside
    WHERE source = $source AND offset_bytes >= $first_offset AND offset_bytes < $next_offset
)
ORDER BY offset_bytes;

-- spans: the batches of a source, in order
SELECT first_offset, next_offset FROM batch WHERE source = $source ORDER BY first_offset;

-- files: each file and where its records went
SELECT
    s.name, s.source, s.size_bytes, s.content_bytes, s.next_offset, s.complete, s.records, s.rated, s.suspended,
    s.duplicate, s.filtered, s.merged, s.control, f.sha256
FROM file_status s
JOIN source_file f ON f.source = s.source
ORDER BY s.name, s.source;

-- stages: where records ended, by stage and reason
SELECT
    stage, disposition, reason, sum(records)::BIGINT AS records, sum(duration_s)::BIGINT AS duration_s,
    sum(raw_bytes)::BIGINT AS raw_bytes
FROM control_total
GROUP BY stage, disposition, reason
HAVING sum(records) <> 0
ORDER BY stage, disposition, reason;

-- streams: each partition of a stream and where its records went
SELECT * FROM stream_status ORDER BY source;

-- hours: where records ended, by hour of their start
SELECT
    make_timestamp(epoch_us(hour_utc)) AS hour, sum(records)::BIGINT AS records,
    coalesce(sum(records) FILTER (disposition = 'rated'), 0)::BIGINT AS rated,
    coalesce(sum(records) FILTER (disposition = 'suspended'), 0)::BIGINT AS suspended,
    coalesce(sum(records) FILTER (disposition NOT IN ('rated', 'suspended')), 0)::BIGINT AS other,
    sum(duration_s)::BIGINT AS duration_s, sum(raw_bytes)::BIGINT AS raw_bytes
FROM control_total
GROUP BY hour
ORDER BY hour;
