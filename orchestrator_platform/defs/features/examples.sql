-- An assessed CVE is looked at as it was when it was assessed first, any other as it is now.
SELECT r.cve_id, coalesce(any_value(a._landed_seq), max(r._landed_seq)) AS _landed_seq
FROM raw.cve_record AS r
LEFT JOIN marts.fct_assessment AS a ON a.cve_id = r.cve_id AND a.assessment_number = 1
GROUP BY r.cve_id
