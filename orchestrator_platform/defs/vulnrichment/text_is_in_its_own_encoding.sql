-- UTF-8 that was read as Latin-1 shows as `Ã` before another such sign. A publisher may have done that to a record; where
-- it is more than one in a hundred of those that leave ASCII, it was done on the way.
WITH newest AS (
    SELECT _landed_seq, cve_id, regexp_matches(record, '[ÃÂ][\x{80}-\x{BF}]|â€') AS is_garbled
    FROM raw.cve_record
    WHERE _landed_seq > (SELECT max(_landed_seq) FROM raw.cve_record) - 2000
        AND NOT regexp_full_match(record, '[\x00-\x7F]*')
)

SELECT _landed_seq, cve_id
FROM newest
WHERE is_garbled
QUALIFY count(*) OVER () > 0.01 * (SELECT count(*) FROM newest)
