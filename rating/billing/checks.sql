-- What a bill run looks at before anybody approves it. {accounts} and {customers} are Parquet files. Parameters: $run,
-- $least, $percent. Each check selects customer, account, currency, expected, found.

-- no_customer: charges that the run would bill, but nobody is named who pays them; they stay unbilled
SELECT '' AS customer, c.account, c.currency, 0 AS expected, sum(c.amount) AS found
FROM charge_unbilled c
CROSS JOIN (FROM bill_run WHERE run = $run) r
ANTI JOIN read_parquet('{accounts}') m ON m.account = c.account
WHERE c.start_utc < r.until_utc AND c.charge_no < r.charge_limit
GROUP BY c.account, c.currency;

-- suspended: records of usage that wait in suspense, by their number: what they will cost is on no bill
SELECT '' AS customer, '' AS account, '' AS currency, 0 AS expected, count(*) AS found
FROM suspense s CROSS JOIN (FROM bill_run WHERE run = $run) r
WHERE s.start_utc < r.until_utc
HAVING count(*) > 0;

-- outlier: a bill that differs much from the customer's last one
SELECT customer, '' AS account, currency, before AS expected, total AS found
FROM bill JOIN (
    SELECT customer, currency, arg_max(total, run) AS before
    FROM bill SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = bill.run
    WHERE kind = 'invoice' AND run < $run GROUP BY customer, currency
) l USING (customer, currency)
WHERE run = $run AND kind = 'invoice' AND abs(total - before) > $least
    AND abs(total - before) * 1000000 > abs(before) * $percent::DECIMAL(18,0);

-- zero: a bill of nothing
SELECT customer, '' AS account, currency, 0 AS expected, total AS found
FROM bill WHERE run = $run AND kind = 'invoice' AND total = 0 AND payments = 0 AND credited = 0;

-- negative: an invoice below zero
SELECT customer, '' AS account, currency, 0 AS expected, total AS found
FROM bill WHERE run = $run AND kind = 'invoice' AND total < 0;

-- other_currency: a bill in another currency than the customer's
SELECT b.customer, '' AS account, b.currency, 0 AS expected, b.total AS found
FROM bill b JOIN read_parquet('{customers}') c ON c.customer = b.customer
WHERE b.run = $run AND c.currency <> '' AND c.currency <> b.currency;

-- billed_beyond: an account that was billed beyond the end of the period already; it is left out of this run
SELECT m.customer, m.account, '' AS currency, 0 AS expected, 0 AS found
FROM bill_span s
JOIN bill_run r ON r.run = $run
JOIN read_parquet('{accounts}') m ON m.account = s.account
WHERE s.run < $run AND s.until_utc > r.until_utc
GROUP BY m.customer, m.account;

-- gap: an account whose last bill ends before the period begins: its fees between were billed by nobody
SELECT m.customer, m.account, '' AS currency, 0 AS expected, 0 AS found
FROM (SELECT account, max(until_utc) AS until_utc FROM bill_span WHERE run < $run GROUP BY account) s
JOIN bill_run r ON r.run = $run
JOIN read_parquet('{accounts}') m ON m.account = s.account
WHERE s.until_utc < r.from_utc;
