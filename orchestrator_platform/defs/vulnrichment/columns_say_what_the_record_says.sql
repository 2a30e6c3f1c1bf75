-- Of the newest records: more would cost more with every landing.
SELECT _landed_seq, cve_id, state, date_updated
FROM raw.cve_record
WHERE _landed_seq > (SELECT max(_landed_seq) FROM raw.cve_record) - 2000
    AND row(cve_id, state, date_updated) IS DISTINCT FROM row(
        json_extract_string(record, '$.cveMetadata.cveId'),
        json_extract_string(record, '$.cveMetadata.state'),
        json_extract_string(record, '$.cveMetadata.dateUpdated'))
