{#- Whether a row is of the newest records: reading the landed text again costs too much to do it for the whole log. -#}
{% macro is_newest(log) -%}
    _landed_seq > (select max(_landed_seq) from {{ log }}) - {{ var('n_records_read_again') }}
{%- endmacro %}
