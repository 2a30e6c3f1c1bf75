{#- From a JSON array of {lang, value}: English first (plain `en` before its variants), then as listed. -#}
{% macro best_description(texts) -%}
    list_sort(list_transform(json_extract({{ texts }}, '$[*]'), lambda text, position: {
        'rank': case
            when lower(json_extract_string(text, '$.lang')) in ('en', 'eng') then 0
            when lower(json_extract_string(text, '$.lang')) like 'en%' then 1
            else 2 end,
        'position': position,
        'lang': lower(json_extract_string(text, '$.lang')),
        'value': json_extract_string(text, '$.value')
    }))[1]
{%- endmacro %}

{#-
    From {container: (JSON text, path to its metrics)}, in the order of preference: the newest CVSS of the
    first container that has one, as {source, version, score, severity, vector}.
-#}
{% macro best_cvss(containers) -%}
    list_transform(list_filter([
    {%- for source, (document, metrics) in containers.items() -%}
    {%- for key, version in {'cvssV4_0': '4.0', 'cvssV3_1': '3.1', 'cvssV3_0': '3.0', 'cvssV2_0': '2.0'}.items() %}
        {'source': '{{ source }}', 'version': '{{ version }}', 'cvss': json_extract({{ document }}, '{{ metrics }}.{{ key }}')[1]},
    {%- endfor %}{% endfor %}
    ], lambda candidate: candidate.cvss is not null)[1:1], lambda best: {
        'source': best.source,
        'version': best.version,
        'score': try_cast(json_extract_string(best.cvss, '$.baseScore') as double),
        'severity': json_extract_string(best.cvss, '$.baseSeverity'),
        'vector': json_extract_string(best.cvss, '$.vectorString')
    })[1]
{%- endmacro %}

{#- The severity that a score means where the record does not say it: CVSS 2 has no critical and no none. -#}
{% macro severity_of(score, version) -%}
    case
        when {{ score }} is null then null
        when {{ version }} = '2.0' then
            case when {{ score }} < 4 then 'LOW' when {{ score }} < 7 then 'MEDIUM' else 'HIGH' end
        when {{ score }} = 0 then 'NONE'
        when {{ score }} < 4 then 'LOW'
        when {{ score }} < 7 then 'MEDIUM'
        when {{ score }} < 9 then 'HIGH'
        else 'CRITICAL'
    end
{%- endmacro %}

{#- From the ADP containers: one SSVC assessment, CISA's own before others, then the newest, then the first. -#}
{% macro best_ssvc(containers) -%}
    list_sort(list_transform(
        list_filter(
            json_extract({{ containers }}, '$[*].metrics[*].other'),
            lambda metric: json_extract_string(metric, '$.type') = 'ssvc'),
        lambda metric, position: {
            'by_others': coalesce(json_extract_string(metric, '$.content.role') <> 'CISA Coordinator', true),
            'age': -coalesce(epoch_us({{ utc_timestamp("json_extract_string(metric, '$.content.timestamp')") }}), 0),
            'position': position,
            'content': json_extract(metric, '$.content')
        }))[1].content
{%- endmacro %}

{#- One point of an SSVC assessment; the options come as a list of one-key objects in any order. -#}
{% macro ssvc_option(assessment, name) -%}
    {{ ssvc_label("json_extract_string(" ~ assessment ~ ", '$.options[*].\"" ~ name ~ "\"')[1]") }}
{%- endmacro %}

{#- Whether a cleaned column is one of what a list holds, and is empty only where the list holds nothing. -#}
{% macro is_among(column, list, name, value) -%}
    coalesce(
        list_contains(list_transform({{ list }}, lambda {{ name }}: {{ value }}), cleaned.{{ column }}),
        coalesce(len(list_filter(list_transform({{ list }}, lambda {{ name }}: {{ value }}), lambda x: x is not null)), 0) = 0
            and cleaned.{{ column }} is null)
{%- endmacro %}
