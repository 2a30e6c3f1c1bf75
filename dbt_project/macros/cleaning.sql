{#-
    Text of a date to TIMESTAMP in UTC. A plain cast to TIMESTAMP ignores the offset, and a cast to
    TIMESTAMPTZ reads text without an offset in the session's zone: so `Z` is added where there is none.
    What cannot be read becomes NULL; a test compares with the text.
-#}
{% macro utc_timestamp(text) -%}
    make_timestamp(epoch_us(try_cast(
        case when regexp_matches({{ text }}, '([Zz]|[+-][0-9]{2}:?[0-9]{2})$')
            then {{ text }} else {{ text }} || 'Z' end as timestamptz)))
{%- endmacro %}

{#- The clock in a landed file's name, `dt=YYYY-MM-DD/HHMMSS-…`; the name carries no zone. -#}
{% macro landed_at(file) -%}
    try_strptime(
        nullif(regexp_extract({{ file }}, 'dt=([0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{6})', 1), ''), '%Y-%m-%d/%H%M%S')
{%- endmacro %}

{#- The day in a landed file's name. -#}
{% macro landed_day(file) -%}
    try_cast(regexp_extract({{ file }}, 'dt=([0-9]{4}-[0-9]{2}-[0-9]{2})', 1) as date)
{%- endmacro %}

{#- Text without outer white space, runs of white space as one blank; NULL where nothing is left. -#}
{% macro one_line(text) -%}
    nullif(trim(regexp_replace({{ text }}, '\s+', ' ', 'g')), '')
{%- endmacro %}

{#- Text without outer white space, line breaks kept; NULL where nothing is left. -#}
{% macro trimmed(text) -%}
    nullif(trim({{ text }}, e' \t\r\n'), '')
{%- endmacro %}

{#- The name of a vendor or product; NULL where the publisher wrote that there is none. -#}
{% macro given_name(text) -%}
    case when lower({{ one_line(text) }}) in ('n/a', 'na', 'none', 'null', 'unknown', 'unspecified', 'not applicable', '-', '*')
        then null else {{ one_line(text) }} end
{%- endmacro %}

{#- What makes two spellings of a name one: case, and `_` for a blank as in CPE names. -#}
{% macro name_key(text) -%}
    lower(trim(regexp_replace({{ text }}, '[\s_]+', ' ', 'g')))
{%- endmacro %}

{#- Which product a vendor's and a product's name mean, in whatever spelling. -#}
{% macro product_key(vendor, product) -%}
    md5({{ name_key(vendor) }} || chr(31) || {{ name_key(product) }})
{%- endmacro %}

{#- An SSVC label in one spelling. An unknown label stays what it is, for a test to find. -#}
{% macro ssvc_label(text) -%}
    case lower(trim({{ text }}))
        when 'public poc' then 'poc'
        when 'public_poc' then 'poc'
        else nullif(lower(trim({{ text }})), '')
    end
{%- endmacro %}
