select cve_id, exploitation, automatable, technical_impact, mission_impact, decision
from {{ ref('triage') }}
where decision is distinct from case when not is_rejected then
    case mission_impact
    {%- for impact in ['low', 'medium', 'high'] %}
        when '{{ impact }}' then {{ cisa_decision('exploitation', 'automatable', 'technical_impact', impact) }}
    {%- endfor %}
    end
end
