{#- Where a point comes from: the assessment, else what a model predicts, else nowhere. -#}
{% macro point_source(point) -%}
    case when assessment.{{ point }} is not null then 'assessed' when {{ point }}.predicted is not null then 'predicted' end
{%- endmacro %}

{#-
    The order in which to patch, least first: by decision, and among equal decisions by how urgent it is, in ten
    thousandths: known or likely exploitation half, automatable and total impact a fifth each, CVSS a tenth. A predicted
    point counts by its probability, an unknown one nothing. A rank follows from its row alone, so that it does not move
    because another CVE lands; equally urgent rows share one.
-#}
{% macro triage_rank() -%}
    case when not is_rejected then
        case decision when 'act' then 1 when 'attend' then 2 when 'track*' then 3 when 'track' then 4 else 5 end * 10000
        + 9999 - floor(9999 * (
            0.5 * case when is_in_kev then 1.0 else coalesce(exploited_weight, 0) end
            + 0.2 * coalesce(automatable_weight, 0)
            + 0.2 * coalesce(total_weight, 0)
            + 0.1 * coalesce(cvss_base_score, 0) / 10
        ))::integer
    end
{%- endmacro %}
