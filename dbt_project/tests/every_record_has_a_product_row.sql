-- A record without a row would leave the products of the record before it in the bridge.
select landed._landed_seq
from {{ source('raw', 'cve_record') }} as landed
anti join {{ ref('stg_affected_product') }} as product using (_landed_seq)
