{#-
    CISA's decision from the three SSVC points and the mission and well-being impact: the table of the
    CISA Coordinator decision model 2.0.3. NULL unless all three points are known values.
-#}
{% macro cisa_decision(exploitation, automatable, technical_impact, mission_impact) -%}
    {%- set column = {'low': 0, 'medium': 1, 'high': 2}.get(mission_impact) -%}
    {%- if column is none -%}
        {{ exceptions.raise_compiler_error("mission_impact is '" ~ mission_impact ~ "'; write low, medium or high") }}
    {%- endif -%}
    case {{ exploitation }} || '/' || {{ automatable }} || '/' || {{ technical_impact }}
    {%- for points, decisions in {
        'none/no/partial':    ['track',  'track',  'track'],
        'none/no/total':      ['track',  'track',  'track*'],
        'none/yes/partial':   ['track',  'track',  'attend'],
        'none/yes/total':     ['track',  'track',  'attend'],
        'poc/no/partial':     ['track',  'track',  'track*'],
        'poc/no/total':       ['track',  'track*', 'attend'],
        'poc/yes/partial':    ['track',  'track',  'attend'],
        'poc/yes/total':      ['track',  'track*', 'attend'],
        'active/no/partial':  ['track',  'track',  'attend'],
        'active/no/total':    ['track',  'attend', 'act'],
        'active/yes/partial': ['attend', 'attend', 'act'],
        'active/yes/total':   ['attend', 'act',    'act'],
    }.items() %}
        when '{{ points }}' then '{{ decisions[column] }}'
    {%- endfor %}
    end
{%- endmacro %}
