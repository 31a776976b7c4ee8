-- One message per alert. Keyed by the subject; amounts and counts are decimal texts.
SELECT
    source, record_no, subject AS key,
    to_json({
        alert_id: alert_id, alert: alert, measure: measure, per: per, subject: subject,
        threshold: threshold::VARCHAR, measured: measured::VARCHAR, unit: unit,
        window_start: strftime(make_timestamp(epoch_us(window_start)), '%Y-%m-%dT%H:%M:%S.%fZ'),
        window_end: strftime(make_timestamp(epoch_us(window_end)), '%Y-%m-%dT%H:%M:%S.%fZ'),
        reached_utc: strftime(make_timestamp(epoch_us(reached_utc)), '%Y-%m-%dT%H:%M:%S.%fZ'),
        source: source, message_offset: record_no >> 20, position: record_no & 1048575
    })::VARCHAR AS value
FROM alert
ORDER BY source, record_no, alert, subject, window_start, threshold
