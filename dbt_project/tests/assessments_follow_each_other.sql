-- Of each CVE: no two assessments in a row are equal without a record between them, and at most the last is current.
with ordered as (
    select
        *,
        lead(_landed_seq) over landing as next_seq,
        row_number() over landing as expected_number
    from {{ ref('fct_assessment') }}
    window landing as (partition by cve_id order by _landed_seq)
)

select cve_id, _landed_seq, last_landed_seq, next_seq, is_current
from ordered
where assessment_number <> expected_number
    or last_landed_seq < _landed_seq
    or last_landed_seq >= next_seq
    or (is_current and next_seq is not null)
