{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with landed as (
    select
        _landed_seq,
        cve_id,
        json_extract_string(record, ['$.containers.cna.affected', '$.containers.adp']) as part
    from {{ source('raw', 'cve_record') }}
    {% if is_incremental() %}
    where _landed_seq > (select coalesce(max(_landed_seq), 0) from {{ this }})
    {% endif %}
),

entries as (
    select _landed_seq, cve_id, 'cna' as named_by, unnest(json_extract(part[1], '$[*]')) as entry from landed
    union all
    select _landed_seq, cve_id, 'adp', unnest(json_extract(part[2], '$[*].affected[*]')) from landed
),

named as (
    select
        _landed_seq,
        cve_id,
        named_by,
        {{ given_name("json_extract_string(entry, '$.vendor')") }} as vendor,
        {{ given_name("json_extract_string(entry, '$.product')") }} as product
    from entries
    union all
    -- Every record has a row: without it, a record that names nothing any more would leave its old products
    -- behind.
    select _landed_seq, cve_id, null, null, null from landed
),

spelled as (
    select
        _landed_seq,
        cve_id,
        named_by,
        coalesce(vendor, 'unknown') as vendor,
        coalesce(product, 'unknown') as product,
        {{ name_key("coalesce(vendor, 'unknown')") }} as vendor_key,
        {{ name_key("coalesce(product, 'unknown')") }} as product_key
    from named
    qualify vendor is not null
        or product is not null
        or not bool_or(vendor is not null or product is not null) over (partition by _landed_seq)
)

select
    _landed_seq,
    cve_id,
    -- The CNA's spelling before CISA's, which is the CPE's; then the first in the alphabet, to be certain.
    first(vendor order by named_by = 'adp' nulls last, vendor, product) as vendor,
    first(product order by named_by = 'adp' nulls last, vendor, product) as product,
    md5(vendor_key || chr(31) || product_key) as product_id,
    coalesce(bool_or(named_by = 'cna'), false) as named_by_cna,
    coalesce(bool_or(named_by = 'adp'), false) as named_by_adp
from spelled
group by _landed_seq, cve_id, vendor_key, product_key
order by _landed_seq, product_id
