-- One message per record that waits in suspense: where it is and why, without its content. Keyed by its place.
SELECT
    source, record_no, source || ':' || record_no AS key,
    to_json({
        suspense_id: source || ':' || record_no, source: source, message_offset: record_no >> 20,
        position: record_no & 1048575, layout: layout, stage: stage, reason: reason, field: field,
        start_utc: strftime(make_timestamp(epoch_us(start_utc)), '%Y-%m-%dT%H:%M:%S.%fZ')
    })::VARCHAR AS value
FROM rejected
WHERE disposition = 'suspended'
ORDER BY source, record_no
