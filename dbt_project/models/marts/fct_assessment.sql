{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['cve_id', '_landed_seq'],
    on_schema_change='fail'
) }}

with numbered as (
    {{ numbered_changes(ref('stg_cve_record'), ['exploitation', 'automatable', 'technical_impact']) }}
),

-- A record without an assessment ends the one before it, and is no assessment itself.
spanned as (
    select
        *,
        max(_landed_seq) over same as last_landed_seq,
        max(assessed_at) over same as last_assessed_at,
        max(_landed_seq) over same = max(_landed_seq) over (partition by cve_id) as is_current
    from numbered
    window same as (partition by cve_id, change_number)
    qualify is_changed
)

select
    cve_id,
    _landed_seq,
    row_number() over (partition by cve_id order by _landed_seq) as assessment_number,
    exploitation,
    automatable,
    technical_impact,
    assessor_role,
    assessed_at,
    last_assessed_at,
    landed_at,
    last_landed_seq,
    is_current
from spanned
where coalesce(exploitation, automatable, technical_impact) is not null
order by cve_id, _landed_seq
