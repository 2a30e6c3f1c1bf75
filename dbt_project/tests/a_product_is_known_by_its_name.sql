select _landed_seq, product_id, vendor, product
from {{ ref('stg_affected_product') }}
where product_id is distinct from {{ product_key('vendor', 'product') }}
