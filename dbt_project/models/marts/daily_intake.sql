{{ config(materialized='table') }}

-- A record is new on the day on which its CVE first landed, and a change on every other. Only the days that are built
-- are seen here, and of records all days before: which days come later makes no difference to a day.
with landed as (
    select
        cast(landed_at as date) as day,
        row_number() over (partition by cve_id order by landed_at, _landed_seq) = 1 as is_new
    from {{ ref('stg_cve_record') }}
    where landed_at is not null
),

records as (
    select
        day,
        count(*) as n_records,
        count(*) filter (is_new) as n_new,
        count(*) filter (not is_new) as n_changed
    from landed
    group by day
),

files as (
    select
        {{ landed_day('file') }} as day,
        count(*) as n_files,
        cast(sum(n_quarantined) as bigint) as n_rejected
    from {{ source('raw', 'landed_file') }}
    where asset = 'raw.cve_record' and state <> 'duplicate'
    group by day
)

select
    coalesce(records.day, files.day) as day,
    coalesce(n_files, 0) as n_files,
    coalesce(n_records, 0) as n_records,
    coalesce(n_new, 0) as n_new,
    coalesce(n_changed, 0) as n_changed,
    coalesce(n_rejected, 0) as n_rejected
from records
full join files on records.day = files.day
where coalesce(records.day, files.day) is not null
order by day
