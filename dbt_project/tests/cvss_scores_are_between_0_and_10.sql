-- And a version comes with a score, or the score was no number.
select cve_id, cvss_version, cvss_base_score
from {{ ref('dim_vulnerability') }}
where not cvss_base_score between 0 and 10 or (cvss_version is null) <> (cvss_base_score is null)
