-- Every entry of the newest snapshot is there and says what landed; white space is what cleaning may change.
with newest as (
    from {{ source('raw', 'kev') }}
    where _file_sha256 = (select arg_max(_file_sha256, _landed_seq) from {{ source('raw', 'kev') }})
)

select entry._landed_seq, kev._landed_seq
from newest as entry
full join {{ ref('stg_kev') }} as kev using (_landed_seq)
where row(entry."cveID", entry."dateAdded", entry."dueDate", entry."knownRansomwareCampaignUse" = 'Known')
    is distinct from row(kev.cve_id, kev.date_added::varchar, kev.due_date::varchar, kev.is_ransomware_known)
    {%- for landed, cleaned in {
        'vendorProject': 'vendor', 'product': 'product', 'vulnerabilityName': 'vulnerability_name',
        'shortDescription': 'short_description', 'requiredAction': 'required_action', 'notes': 'notes', 'cwes': 'cwe_ids'
    }.items() %}
    or regexp_replace(coalesce(entry."{{ landed }}", ''), '\s', '', 'g')
    <> regexp_replace(coalesce(kev.{{ cleaned }}, ''), '\s', '', 'g')
    or kev.{{ cleaned }} <> trim(kev.{{ cleaned }})
    {%- endfor %}
