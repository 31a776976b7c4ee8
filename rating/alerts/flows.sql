-- Rated events of one leg with what alerts look at, as first rated: one row an event. Instants in microseconds.
SELECT
    u.source::VARCHAR AS source, u.record_no, epoch_us(u.start_utc) AS at, u.duration_s,
    u.volume_up_bytes::HUGEINT + u.volume_down_bytes AS bytes, u.partial_no, u.service, u.direction, u.network, u.a_number,
    u.b_number, u.trunk_in, u.trunk_out, c.account, c.plan, c.rate, c.zone, c.prefix, c.amount, c.currency
FROM usage u
JOIN charge c ON c.event_id = u.event_id AND c.start_utc = u.start_utc
WHERE c.leg = $leg AND c.kind = 'charge' AND c.rating_run = 0
    AND u.start_utc >= $first AND u.start_utc < $end AND c.start_utc >= $first AND c.start_utc < $end
    AND (u.source = $scope OR ($scope = 'file:' AND starts_with(u.source, 'file:')))
