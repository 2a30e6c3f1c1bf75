-- Both ways: no product of the current record is missing, and none of an earlier one is left.
{%- set columns = 'cve_id, product_id, named_by_cna, named_by_adp, _landed_seq' %}
with named as (
    select {{ columns }}
    from {{ ref('stg_affected_product') }}
    qualify _landed_seq = max(_landed_seq) over (partition by cve_id)
),

kept as (select {{ columns }} from {{ ref('bridge_vulnerability_product') }})

(from kept except from named)
union all
(from named except from kept)
