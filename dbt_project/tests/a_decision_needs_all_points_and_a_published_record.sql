select cve_id, exploitation, automatable, technical_impact, decision
from {{ ref('triage') }}
where (decision is not null)
    <> (not is_rejected and exploitation is not null and automatable is not null and technical_impact is not null)
