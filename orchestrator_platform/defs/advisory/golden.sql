-- CISA's own short description of an exploited vulnerability asks for the CVE that it describes.
SELECT k.short_description AS query, k.cve_id
FROM staging.stg_kev AS k
JOIN marts.dim_vulnerability AS v USING (cve_id)
WHERE NOT v.is_rejected AND coalesce(v.title, v.description) IS NOT NULL
