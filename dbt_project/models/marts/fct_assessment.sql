{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key=['cve_id', '_landed_seq'],
    on_schema_change='fail'
) }}

with records as (
    select
        cve_id,
        _landed_seq,
        landed_at,
        exploitation,
        automatable,
        technical_impact,
        assessor_role,
        assessed_at,
        coalesce(exploitation, automatable, technical_impact) is not null as is_assessed,
        row(exploitation, automatable, technical_impact) as points
    from {{ ref('stg_cve_record') }}
    {% if is_incremental() %}
    where cve_id in ({{ touched_since(ref('stg_cve_record'), 'cve_id', 'last_landed_seq') }})
    {% endif %}
),

compared as (
    select *, lag(points) over landing is distinct from points as is_changed
    from records
    window landing as (partition by cve_id order by _landed_seq)
),

numbered as (
    select *, count(*) filter (where is_changed) over landing as span
    from compared
    window landing as (partition by cve_id order by _landed_seq)
),

-- A record without an assessment ends the one before it, and is no assessment itself.
spanned as (
    select
        *,
        max(_landed_seq) over same as last_landed_seq,
        max(assessed_at) over same as last_assessed_at,
        max(_landed_seq) over same = max(_landed_seq) over (partition by cve_id) as is_current
    from numbered
    window same as (partition by cve_id, span)
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
where is_assessed
order by cve_id, _landed_seq
