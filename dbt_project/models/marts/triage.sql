{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='cve_id', on_schema_change='fail'
) }}

{%- set mission_impact = var('mission_impact') %}
{%- set points = ['exploitation', 'automatable', 'technical_impact'] %}

-- A point is the assessed one where there is an assessment, else the one that a published model predicts.
with points as (
    select
        vulnerability.cve_id,
        vulnerability._landed_seq,
        vulnerability.is_rejected,
        vulnerability.cvss_base_score,
        assessment._landed_seq as assessment_seq,
        assessment.last_assessed_at as assessed_at,
        kev.cve_id is not null as is_in_kev,
        kev.date_added as kev_date_added,
        kev.due_date as kev_due_date,
        kev.is_ransomware_known as is_kev_ransomware_known,
        '{{ mission_impact }}' as mission_impact,
        {%- for point in points %}
        coalesce(assessment.{{ point }}, {{ point }}.predicted) as {{ point }},
        {{ point_source(point) }} as {{ point }}_source,
        case when {{ point_source(point) }} = 'predicted' then {{ point }}.confidence end as {{ point }}_probability,
        case when {{ point_source(point) }} = 'predicted' then {{ point }}.model_version end
            as {{ point }}_model_version,
        {%- endfor %}
        case coalesce(assessment.exploitation, 'predicted')
            when 'active' then 1.0 when 'poc' then 0.5 when 'none' then 0.0
            else exploitation.p_active + 0.5 * exploitation.p_poc
        end as exploited_weight,
        case coalesce(assessment.automatable, 'predicted')
            when 'yes' then 1.0 when 'no' then 0.0 else automatable.p_yes
        end as automatable_weight,
        case coalesce(assessment.technical_impact, 'predicted')
            when 'total' then 1.0 when 'partial' then 0.0 else technical_impact.p_total
        end as total_weight
    from {{ ref('dim_vulnerability') }} as vulnerability
    left join {{ ref('fct_assessment') }} as assessment
        on assessment.cve_id = vulnerability.cve_id and assessment.is_current
    left join {{ ref('stg_kev') }} as kev on kev.cve_id = vulnerability.cve_id
    {%- for point in points %}
    left join {{ source('scores', point) }} as {{ point }}
        on {{ point }}.cve_id = vulnerability.cve_id and not vulnerability.is_rejected
    {%- endfor %}
),

decided as (
    select
        *,
        case when not is_rejected then
        {{ cisa_decision('exploitation', 'automatable', 'technical_impact', mission_impact) }}
        end as decision
    from points
),

-- A row is made from parents that may be published at different times, so it keeps what it was made from, and is made
-- again when any of that differs: a watermark on one parent would miss the others.
sources as (
    select *, {{ triage_rank() }} as rank from decided
),

touched as (
    {%- set made_from = [
        'cve_id', '_landed_seq', 'assessment_seq', 'assessed_at', 'is_in_kev', 'kev_date_added', 'kev_due_date',
        'is_kev_ransomware_known', 'mission_impact', 'decision', 'rank'
    ] %}
    {%- for point in points %}
        {%- for suffix in ['', '_source', '_probability', '_model_version'] %}
            {%- do made_from.append(point ~ suffix) %}
        {%- endfor %}
    {%- endfor %}
    select {{ made_from | join(', ') }} from sources
    {% if is_incremental() %}
    except
    select {{ made_from | join(', ') }} from {{ this }}
    {% endif %}
)

select
    vulnerability.cve_id,
    vulnerability.state,
    vulnerability.is_rejected,
    vulnerability.title,
    vulnerability.description,
    {%- for point in points %}
    touched.{{ point }},
    touched.{{ point }}_source,
    touched.{{ point }}_probability,
    touched.{{ point }}_model_version,
    {%- endfor %}
    touched.assessed_at,
    touched.is_in_kev,
    touched.kev_date_added,
    touched.kev_due_date,
    touched.is_kev_ransomware_known,
    touched.is_in_kev and (touched.exploitation_source is distinct from 'assessed' or touched.exploitation <> 'active')
        as is_assessment_behind_kev,
    vulnerability.cvss_version,
    vulnerability.cvss_base_score,
    vulnerability.cvss_severity,
    vulnerability.cvss_vector,
    vulnerability.cvss_source,
    touched.mission_impact,
    touched.decision,
    case when touched.decision is not null then
        case when touched.assessment_seq is not null then 'assessed' else 'predicted' end
    end as decision_source,
    touched.rank,
    vulnerability.landed_at,
    touched._landed_seq,
    touched.assessment_seq
from touched
join {{ ref('dim_vulnerability') }} as vulnerability on vulnerability.cve_id = touched.cve_id
order by vulnerability.cve_id
