-- One message per rated event: the event and its charges. Amounts are decimal texts. Keyed by who pays.
SELECT
    u.source, u.record_no, c.account AS key,
    to_json({
        event_id: u.event_id::VARCHAR, source: u.source, message_offset: u.record_no >> 20,
        position: u.record_no & 1048575, layout: u.layout, start_utc: strftime(make_timestamp(epoch_us(u.start_utc)),
        '%Y-%m-%dT%H:%M:%S.%fZ'), service: u.service, direction: u.direction, a_number: u.a_number,
        b_number: u.b_number, trunk_in: u.trunk_in, trunk_out: u.trunk_out, duration_s: u.duration_s, usage: u.usage,
        unit: u.unit, charges: c.charges
    })::VARCHAR AS value
FROM usage u
JOIN (
    SELECT
        event_id, arg_min(account, leg) AS account,
        list({
            leg: leg, account: account, plan: plan, rate: rate, zone: zone, band: band, billed_usage: billed_usage,
            amount: amount::VARCHAR, currency: currency, tax_amount: tax_amount::VARCHAR, tax_code: tax_code,
            note: note, tariff_version: tariff_version
        } ORDER BY leg) AS charges
    FROM charge
    WHERE kind = 'charge'
    GROUP BY event_id
) c ON c.event_id = u.event_id
ORDER BY u.source, u.record_no
