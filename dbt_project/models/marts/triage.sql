{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='cve_id', on_schema_change='fail'
) }}

{%- set mission_impact = var('mission_impact') %}

-- A row is made from three parents that may be published at different times, so it keeps what it was made from,
-- and is made again when any of that differs: a watermark on one parent would miss the others.
with sources as (
    select
        vulnerability.cve_id,
        vulnerability._landed_seq,
        assessment._landed_seq as assessment_seq,
        assessment.last_assessed_at as assessed_at,
        kev.cve_id is not null as is_in_kev,
        kev.date_added as kev_date_added,
        kev.due_date as kev_due_date,
        kev.is_ransomware_known as is_kev_ransomware_known,
        '{{ mission_impact }}' as mission_impact
    from {{ ref('dim_vulnerability') }} as vulnerability
    left join {{ ref('fct_assessment') }} as assessment
        on assessment.cve_id = vulnerability.cve_id and assessment.is_current
    left join {{ ref('stg_kev') }} as kev on kev.cve_id = vulnerability.cve_id
),

touched as (
    {%- set made_from = [
        'cve_id', '_landed_seq', 'assessment_seq', 'assessed_at', 'is_in_kev', 'kev_date_added', 'kev_due_date',
        'is_kev_ransomware_known', 'mission_impact'
    ] | join(', ') %}
    select {{ made_from }} from sources
    {% if is_incremental() %}
    except
    select {{ made_from }} from {{ this }}
    {% endif %}
)

select
    vulnerability.cve_id,
    vulnerability.state,
    vulnerability.is_rejected,
    vulnerability.title,
    vulnerability.description,
    assessment.exploitation,
    assessment.automatable,
    assessment.technical_impact,
    touched.assessed_at,
    touched.is_in_kev,
    touched.kev_date_added,
    touched.kev_due_date,
    touched.is_kev_ransomware_known,
    touched.is_in_kev and coalesce(assessment.exploitation, '') <> 'active' as is_assessment_behind_kev,
    vulnerability.cvss_version,
    vulnerability.cvss_base_score,
    vulnerability.cvss_severity,
    vulnerability.cvss_vector,
    vulnerability.cvss_source,
    touched.mission_impact,
    case when not vulnerability.is_rejected then
    {{ cisa_decision('assessment.exploitation', 'assessment.automatable', 'assessment.technical_impact', mission_impact) }}
    end as decision,
    vulnerability.landed_at,
    touched._landed_seq,
    touched.assessment_seq
from touched
join {{ ref('dim_vulnerability') }} as vulnerability on vulnerability.cve_id = touched.cve_id
left join {{ ref('fct_assessment') }} as assessment
    on assessment.cve_id = touched.cve_id and assessment._landed_seq = touched.assessment_seq
order by vulnerability.cve_id
