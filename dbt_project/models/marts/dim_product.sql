{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

-- A product is added when it is first named, and keeps that spelling.
select
    product_id,
    arg_min(vendor, _landed_seq) as vendor,
    arg_min(product, _landed_seq) as product,
    min(_landed_seq) as first_landed_seq
from {{ ref('stg_affected_product') }}
{% if is_incremental() %}
where _landed_seq > (select coalesce(max(first_landed_seq), 0) from {{ this }})
    and product_id not in (select product_id from {{ this }})
{% endif %}
group by product_id
order by product_id
