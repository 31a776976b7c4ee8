-- The rows of `charge` that a bill run takes. They are never listed: a run takes what begins before its until_utc and
-- stands below its charge_limit, and what no earlier final run took of the account. Parameters: $run.

-- frontier: how far each account was billed before the run
SELECT account, max(until_utc) AS until_utc, max(charge_limit) AS charge_limit
FROM bill_span WHERE run < $run GROUP BY account;

-- taken: the rows with the run whose bill they correct: the first that reached beyond their start; 0 for those that no
-- earlier bill could hold
SELECT c.*, c.rowid AS charge_no, 0 AS corrects_run
FROM charge c
CROSS JOIN (FROM bill_run WHERE run = $run) r
LEFT JOIN ({frontier}) f ON f.account = c.account
WHERE {which} AND c.leg = 'retail' AND c.start_utc < r.until_utc AND c.rowid < r.charge_limit
    AND (f.account IS NULL OR c.start_utc >= f.until_utc)
UNION ALL
SELECT a.*, o.run AS corrects_run
FROM (
    SELECT c.*, c.rowid AS charge_no
    FROM charge c
    CROSS JOIN (FROM bill_run WHERE run = $run) r
    JOIN ({frontier}) f ON f.account = c.account
    WHERE {which} AND c.leg = 'retail' AND c.start_utc < f.until_utc AND c.rowid >= f.charge_limit
        AND c.rowid < r.charge_limit AND f.until_utc <= r.until_utc
) a
ASOF JOIN (FROM bill_span WHERE run < $run) o ON o.account = a.account AND a.start_utc < o.until_utc;
