-- The current version of every CVE says what its last landed record says.
with last_record as (
    from {{ ref('stg_cve_record') }} qualify row_number() over (partition by cve_id order by _landed_seq desc) = 1
)

select cve_id
from last_record as record
full join (from {{ ref('dim_vulnerability_history') }} where is_current) as version using (cve_id)
where record._landed_seq is distinct from version.last_landed_seq
    or row(record.state, record.title, record.description, record.cvss_base_score)
    is distinct from row(version.state, version.title, version.description, version.cvss_base_score)
