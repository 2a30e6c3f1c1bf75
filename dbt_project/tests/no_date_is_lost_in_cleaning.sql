-- A date that landed and cannot be read would become NULL without a word.
select landed._landed_seq, landed.date_updated as landed_text
from {{ source('raw', 'cve_record') }} as landed
join {{ ref('stg_cve_record') }} as cleaned using (_landed_seq)
where landed.date_updated is not null and cleaned.date_updated is null
