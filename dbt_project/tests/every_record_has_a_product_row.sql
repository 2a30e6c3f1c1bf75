-- A record without a row would leave the products of the record before it in the bridge.
select record._landed_seq
from {{ ref('stg_cve_record') }} as record
anti join {{ ref('stg_affected_product') }} as product using (_landed_seq)
