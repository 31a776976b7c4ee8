-- The usage that a bill run takes, summed. {accounts} and {lines} are Parquet files. Parameters: $run.

-- usage: lines of usage by account, in order of their customers, so that each chunk of customers reads its part alone
COPY (
    SELECT
        m.customer, m.cost_centre, m.account, g.* EXCLUDE (account)
    FROM (
        SELECT
            t.account, t.corrects_run, u.service AS category, u.direction, t.zone, t.band, t.plan, t.rate, u.unit,
            coalesce(nullif(t.converted_currency, ''), t.currency) AS currency, t.tax_code,
            t.currency AS charge_currency, count(*) AS charges,
            sum(CASE t.kind WHEN 'charge' THEN 1 WHEN 'reversal' THEN -1 ELSE 0 END)::BIGINT AS events,
            sum(CASE t.kind WHEN 'charge' THEN u.duration_s WHEN 'reversal' THEN -u.duration_s ELSE 0 END)::BIGINT
                AS duration_s,
            sum(t.billed_usage)::BIGINT AS billed_usage,
            sum(CASE t.converted_currency WHEN '' THEN t.amount ELSE t.converted_amount END) AS amount,
            sum(CASE t.converted_currency WHEN '' THEN t.tax_amount
                ELSE round(t.tax_amount::DECIMAL(38,9) * t.conversion_rate, 9)::DECIMAL(38,9) END) AS tax_exact,
            sum(t.amount) AS charge_amount, sum(t.covered_amount) AS covered
        FROM ({taken}) t
        JOIN usage u ON u.event_id = t.event_id AND u.start_utc = t.start_utc
        GROUP BY ALL
    ) g
    JOIN read_parquet('{accounts}') m ON m.account = g.account
    ORDER BY ALL
) TO '{lines}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440);

-- previous: what customers owed by their last final bill, by customer and currency
SELECT customer, currency, arg_max(due, run) AS due
FROM bill
SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = bill.run
WHERE kind = 'invoice' AND run < $run
GROUP BY customer, currency ORDER BY customer, currency;

-- paid: payments that final bills have
SELECT reference FROM bill_payment SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f USING (run);

-- limit: the row of charge behind the last
SELECT coalesce(max(rowid) + 1, 0)::BIGINT AS charge_limit FROM charge;

-- frontiers: accounts that were billed beyond the beginning of the run's period: their fees in it are on a bill
SELECT account FROM ({frontier}) WHERE until_utc > $from_utc;
