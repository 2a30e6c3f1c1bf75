-- Of each CVE: versions 1, 2, 3, …, each ends where the next begins, the last one alone is open and current.
with versions as (
    select
        *,
        row_number() over landing as expected_number,
        lead(valid_from_seq) over landing as next_from_seq,
        lead(valid_from) over landing as next_from
    from {{ ref('dim_vulnerability_history') }}
    window landing as (partition by cve_id order by valid_from_seq)
)

select cve_id, version_number, valid_from_seq, valid_to_seq, is_current
from versions
where version_number <> expected_number
    or valid_to_seq is distinct from next_from_seq
    or valid_to is distinct from next_from
    or is_current <> (next_from_seq is null)
    or last_landed_seq < valid_from_seq
    or last_landed_seq >= valid_to_seq
