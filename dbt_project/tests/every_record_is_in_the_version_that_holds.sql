-- Each record lies in one version of its CVE and says what that says; a version reaches to its last record.
{%- set tracked = [
    'state', 'rejected_reason', 'assigner', 'title', 'description', 'cwe_id', 'cvss_version', 'cvss_base_score',
    'cvss_severity', 'cvss_vector', 'cvss_source', 'date_published'
] %}
with placed as (
    select
        record.cve_id,
        record._landed_seq,
        version.valid_from_seq,
        version.last_landed_seq,
        row(record.{{ tracked | join(', record.') }}) is distinct from row(version.{{ tracked | join(', version.') }})
            as differs
    from {{ ref('stg_cve_record') }} as record
    left join {{ ref('dim_vulnerability_history') }} as version
        on version.cve_id = record.cve_id
        and record._landed_seq between version.valid_from_seq and version.last_landed_seq
)

select cve_id, valid_from_seq, last_landed_seq
from placed
group by cve_id, valid_from_seq, last_landed_seq
having bool_or(differs) or valid_from_seq is null or max(_landed_seq) <> last_landed_seq
