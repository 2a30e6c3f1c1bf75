-- A row that was not made again when one of its parents changed would be stale without a word.
select triage.cve_id
from {{ ref('triage') }} as triage
left join {{ ref('dim_vulnerability') }} as vulnerability using (cve_id)
left join (from {{ ref('fct_assessment') }} where is_current) as assessment using (cve_id)
left join {{ ref('stg_kev') }} as kev using (cve_id)
where row(triage._landed_seq, triage.assessment_seq, triage.assessed_at)
    is distinct from row(vulnerability._landed_seq, assessment._landed_seq, assessment.last_assessed_at)
    or row(triage.exploitation, triage.automatable, triage.technical_impact)
    is distinct from row(assessment.exploitation, assessment.automatable, assessment.technical_impact)
    or row(triage.is_in_kev, triage.kev_date_added, triage.kev_due_date, triage.is_kev_ransomware_known)
    is distinct from row(kev.cve_id is not null, kev.date_added, kev.due_date, kev.is_ransomware_known)
    or triage.is_assessment_behind_kev is distinct from (
        triage.is_in_kev and coalesce(triage.exploitation, '') <> 'active')
