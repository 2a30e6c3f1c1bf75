{#-
  The records of a log, numbered by change: `is_changed` where one of the values differs from the record of the same
  CVE that landed before, `change_number` counting those. An incremental build looks at all records of the CVEs that
  were touched since, and at no others.
-#}
{% macro numbered_changes(log, values) -%}
    select *, count(*) filter (where is_changed) over landing as change_number
    from (
        select *, lag(compared) over landing is distinct from compared as is_changed
        from (
            select *, row({{ values | join(', ') }}) as compared
            from {{ log }}
            {%- if is_incremental() %}
            where cve_id in ({{ touched_since(log, 'cve_id', 'last_landed_seq') }})
            {%- endif %}
        )
        window landing as (partition by cve_id order by _landed_seq)
    )
    window landing as (partition by cve_id order by _landed_seq)
{%- endmacro %}
