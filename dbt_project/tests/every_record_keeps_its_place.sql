-- What stands beside the landed text is taken over for every record, not only for those that are read again.
select landed._landed_seq
from {{ source('raw', 'cve_record') }} as landed
join {{ ref('stg_cve_record') }} as cleaned using (_landed_seq)
where row(cleaned.cve_id, cleaned.state, cleaned.landed_at, cleaned.date_updated)
    is distinct from
    row(landed.cve_id, upper(landed.state), {{ landed_at('landed._file') }}, {{ utc_timestamp('landed.date_updated') }})
    or cleaned.is_rejected <> (cleaned.state = 'REJECTED')
    or not cleaned.cvss_base_score between 0 and 10
