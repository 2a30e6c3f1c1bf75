-- The catalogue is landed as snapshots: what the newest file does not hold is no longer in it.
with newest as (
    select *
    from {{ source('raw', 'kev') }}
    where _file_sha256 = (select arg_max(_file_sha256, _landed_seq) from {{ source('raw', 'kev') }})
)

select
    "cveID" as cve_id,
    {{ one_line('"vendorProject"') }} as vendor,
    {{ one_line('"product"') }} as product,
    {{ one_line('"vulnerabilityName"') }} as vulnerability_name,
    try_cast("dateAdded" as date) as date_added,
    {{ trimmed('"shortDescription"') }} as short_description,
    {{ trimmed('"requiredAction"') }} as required_action,
    try_cast("dueDate" as date) as due_date,
    lower("knownRansomwareCampaignUse") = 'known' as is_ransomware_known,
    {{ trimmed('notes') }} as notes,
    {{ one_line('cwes') }} as cwe_ids,
    _landed_seq
from newest
order by cve_id
