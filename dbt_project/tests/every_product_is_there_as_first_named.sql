-- Both ways: a product that a record names has a row, and that row is of the first record that named it.
select product_id, named.seq, product.first_landed_seq
from (
    select product_id, min(_landed_seq) as seq from {{ ref('stg_affected_product') }} group by product_id
) as named
full join {{ ref('dim_product') }} as product using (product_id)
where named.seq is distinct from product.first_landed_seq
