-- A row that was not made again when one of its parents changed would be stale without a word.
{%- set points = ['exploitation', 'automatable', 'technical_impact'] %}
select triage.cve_id
from {{ ref('triage') }} as triage
left join {{ ref('dim_vulnerability') }} as vulnerability using (cve_id)
left join (from {{ ref('fct_assessment') }} where is_current) as assessment using (cve_id)
left join {{ ref('stg_kev') }} as kev using (cve_id)
{%- for point in points %}
left join {{ source('scores', point) }} as {{ point }}
    on {{ point }}.cve_id = triage.cve_id and not triage.is_rejected and assessment.cve_id is null
{%- endfor %}
where row(triage._landed_seq, triage.assessment_seq, triage.assessed_at)
    is distinct from row(vulnerability._landed_seq, assessment._landed_seq, assessment.last_assessed_at)
{%- for point in points %}
    or row(triage.{{ point }}, triage.{{ point }}_probability, triage.{{ point }}_model_version)
    is distinct from row(
        coalesce(assessment.{{ point }}, {{ point }}.predicted), {{ point }}.confidence, {{ point }}.model_version)
    or triage.{{ point }}_source is distinct from case
        when assessment.cve_id is not null then 'assessed' when {{ point }}.predicted is not null then 'predicted' end
{%- endfor %}
    or row(triage.is_in_kev, triage.kev_date_added, triage.kev_due_date, triage.is_kev_ransomware_known)
    is distinct from row(kev.cve_id is not null, kev.date_added, kev.due_date, kev.is_ransomware_known)
    or triage.is_assessment_behind_kev is distinct from (
        triage.is_in_kev and coalesce(assessment.exploitation, '') <> 'active')
