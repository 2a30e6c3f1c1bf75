-- The newest records are read again: each names just these products, in one of these spellings, and so does each part.
-- A record may be odd in a way that this does not know: more than ten, and one in a hundred, are not.
with landed as (
    select _landed_seq, json_extract_string(record, ['$.containers.cna.affected', '$.containers.adp']) as part
    from {{ source('raw', 'cve_record') }}
    where {{ is_newest(source('raw', 'cve_record')) }}
),

entries as (
    select _landed_seq, true as is_cna, unnest(json_extract(part[1], '$[*]')) as entry from landed
    union all
    select _landed_seq, false, unnest(json_extract(part[2], '$[*].affected[*]')) from landed
),

named as (
    select
        _landed_seq,
        is_cna,
        coalesce({{ given_name("json_extract_string(entry, '$.vendor')") }}, 'unknown') as vendor,
        coalesce({{ given_name("json_extract_string(entry, '$.product')") }}, 'unknown') as product
    from entries
),

named_once as (
    select
        _landed_seq,
        {{ product_key('vendor', 'product') }} as product_id,
        list(vendor) as vendors,
        list(product) as products,
        bool_or(is_cna) as named_by_cna,
        bool_or(not is_cna) as named_by_adp
    from named
    where vendor <> 'unknown' or product <> 'unknown'
    group by _landed_seq, product_id
),

kept as (
    from {{ ref('stg_affected_product') }}
    where {{ is_newest(source('raw', 'cve_record')) }} and (vendor <> 'unknown' or product <> 'unknown')
)

select _landed_seq, product_id
from named_once
full join kept using (_landed_seq, product_id)
where not coalesce(list_contains(vendors, kept.vendor) and list_contains(products, kept.product), false)
    or row(kept.named_by_cna, kept.named_by_adp)
    is distinct from row(named_once.named_by_cna, named_once.named_by_adp)
qualify count(*) over () > greatest(10, 0.01 * (select count(*) from landed))
