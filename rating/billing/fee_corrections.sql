-- What bills say of fees of periods that end on $since or later. Parameters: $run, $since.

-- periods: those that final runs billed, with the first run of each and the tariff whose fees it billed
SELECT r.first_day, r.last_day, r.zone, min(r.run) AS run, arg_min(r.tariff_version, r.run) AS tariff_version
FROM bill_run r
SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = r.run
SEMI JOIN tariff_version t ON t.tariff_version = r.tariff_version
WHERE r.run < $run AND r.last_day >= $since
GROUP BY r.first_day, r.last_day, r.zone ORDER BY r.first_day, r.last_day, r.zone;

-- accounts: which accounts were billed in which of them
SELECT DISTINCT l.account, r.first_day AS period_first, r.last_day AS period_last, r.zone
FROM bill_line l
JOIN bill_run r ON r.run = l.run
SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = l.run
WHERE r.run < $run AND r.last_day >= $since AND l.account <> '';

-- billed: what was billed of each part of a fee, with its corrections; the run whose bill that is
SELECT
    l.account, l.category, l.plan, l.first_day, l.currency, l.tax_code, max(l.last_day) AS last_day, max(l.text) AS text,
    min(CASE l.kind WHEN 'fee' THEN l.run ELSE l.corrects_run END)::BIGINT AS corrects_run, sum(l.amount) AS amount
FROM bill_line l
SEMI JOIN (SELECT run FROM bill_step WHERE step = 'final') f ON f.run = l.run
WHERE l.run < $run AND l.kind IN ('fee', 'fee_adjustment') AND l.last_day >= $since::DATE - 62
GROUP BY ALL;
