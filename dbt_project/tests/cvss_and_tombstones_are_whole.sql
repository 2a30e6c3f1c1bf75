-- A score comes with version, severity, vector and source, a tombstone with its reason, another record with its text.
-- A publisher may leave one out; where more than ten records, and one in a hundred, lack something, it was lost here.
select _landed_seq
from {{ ref('stg_cve_record') }}
where is_rejected <> (rejected_reason is not null)
    or is_rejected = (description is not null)
    or (description is null) <> (description_lang is null)
    or (cvss_version is null) <> (cvss_base_score is null)
    or (cvss_version is null) <> (cvss_severity is null)
    or (cvss_version is null) <> (cvss_vector is null)
    or (cvss_version is null) <> (cvss_source is null)
    or cvss_version <> '2.0' and not starts_with(cvss_vector, 'CVSS:' || cvss_version || '/')
qualify count(*) over () > greatest(10, 0.01 * (select count(*) from {{ ref('stg_cve_record') }}))
