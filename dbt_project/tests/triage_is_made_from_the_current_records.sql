-- A row that was not made again when one of its parents changed would be stale without a word.
select triage.cve_id
from {{ ref('triage') }} as triage
left join {{ ref('dim_vulnerability') }} as vulnerability using (cve_id)
left join (from {{ ref('fct_assessment') }} where is_current) as assessment using (cve_id)
left join {{ ref('stg_kev') }} as kev using (cve_id)
where triage._landed_seq is distinct from vulnerability._landed_seq
    or row(triage.exploitation, triage.automatable, triage.technical_impact)
    is distinct from row(assessment.exploitation, assessment.automatable, assessment.technical_impact)
    or triage.is_in_kev <> (kev.cve_id is not null)
    or triage.kev_due_date is distinct from kev.due_date
