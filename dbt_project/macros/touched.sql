{#- The keys of records that landed after the last one that `this` has looked at. -#}
{% macro touched_since(log, key, seen) -%}
    select {{ key }} from {{ log }}
    where _landed_seq > (select coalesce(max({{ seen }}), 0) from {{ this }})
{%- endmacro %}
