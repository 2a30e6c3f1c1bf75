-- Each record with points lies in one assessment that says the same, a record without in none; an assessment reaches to
-- its last record, was last confirmed in one of them, and is current if no other record of the CVE came after.
with placed as (
    select
        record.cve_id,
        assessment._landed_seq as first_seq,
        assessment.last_landed_seq,
        assessment.last_assessed_at,
        assessment.is_current,
        record._landed_seq,
        record.assessed_at,
        record._landed_seq = max(record._landed_seq) over (partition by record.cve_id) as is_last,
        row(record.exploitation, record.automatable, record.technical_impact)
            is distinct from row(assessment.exploitation, assessment.automatable, assessment.technical_impact) as differs
    from {{ ref('stg_cve_record') }} as record
    left join {{ ref('fct_assessment') }} as assessment
        on assessment.cve_id = record.cve_id
        and record._landed_seq between assessment._landed_seq and assessment.last_landed_seq
)

select cve_id, first_seq, last_landed_seq
from placed
group by cve_id, first_seq, last_landed_seq, last_assessed_at, is_current
having bool_or(differs)
    or max(_landed_seq) <> last_landed_seq
    or max(assessed_at) is distinct from last_assessed_at and first_seq is not null
    or bool_or(is_last) <> is_current
