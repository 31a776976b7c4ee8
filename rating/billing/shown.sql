-- What bills say, for `toll bill show` and for other programs.

-- documents: bills of a customer, or of the customers that an account was billed to, the latest first
SELECT * FROM bill_document
WHERE (customer = $who OR (run, bill_no) IN (SELECT (run, bill_no) FROM bill_line WHERE account = $who))
    AND ($drafts OR number <> '') AND state <> 'withdrawn' AND ($run IS NULL OR run = $run)
    AND ($month IS NULL OR date_trunc('month', first_day) = date_trunc('month', $month::DATE))
    AND ($before_run IS NULL OR (run, bill_no) < ($before_run, $before_bill))
ORDER BY run DESC, bill_no DESC
LIMIT $limit;

-- numbered: the bill of a number
SELECT run, bill_no FROM bill_number WHERE number = $number;

-- document: one bill
SELECT * FROM bill_document WHERE run = $run AND bill_no = $bill_no;

-- lines: its lines, in order
SELECT * FROM bill_line WHERE run = $run AND bill_no = $bill_no ORDER BY line_no;

-- payments: the payments that it takes account of
SELECT * FROM bill_payment WHERE run = $run AND bill_no = $bill_no ORDER BY paid_on, reference;

-- corrected: the number of the bill that a credit note corrects
SELECT DISTINCT number FROM bill_document
WHERE run = $corrects_run AND customer = $customer AND currency = $currency AND kind = 'invoice';

-- settings: the issuer, series and texts of a run
SELECT settings FROM bill_run WHERE run = $run;

-- items: the charges of a bill in the order of their starts, from a place on
WITH accounts AS (
    SELECT DISTINCT account, corrects_run FROM bill_line WHERE run = $run AND bill_no = $bill_no AND charges > 0
)
SELECT
    t.charge_no, t.start_utc, u.utc_offset_min, t.kind, t.account, u.service, u.direction, u.a_number, u.b_number,
    t.zone, t.band, u.duration_s, u.usage, u.unit, t.billed_usage, t.free_usage, t.amount, t.currency, t.tax_amount,
    t.tax_code, t.converted_amount, t.converted_currency, t.plan, t.note, t.corrects_run, t.event_id, t.rating_run
FROM ({taken}) t
SEMI JOIN accounts a ON a.account = t.account AND a.corrects_run = t.corrects_run
JOIN usage u ON u.event_id = t.event_id AND u.start_utc = t.start_utc
WHERE coalesce(nullif(t.converted_currency, ''), t.currency)
    = (SELECT currency FROM bill WHERE run = $run AND bill_no = $bill_no)
    AND ($after_start IS NULL OR (t.start_utc, t.charge_no) > ($after_start, $after_charge))
ORDER BY t.start_utc, t.charge_no
LIMIT $limit;
