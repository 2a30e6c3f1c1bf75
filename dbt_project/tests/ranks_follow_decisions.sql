-- A rejected CVE has no rank; the others are ranked by their decision first, those without one last.
select cve_id, is_rejected, decision, rank
from {{ ref('triage') }}
where is_rejected <> (rank is null)
    or (decision is not null) <> (decision_source is not null)
    or rank // 10000 <> case decision when 'act' then 1 when 'attend' then 2 when 'track*' then 3 when 'track' then 4 else 5 end
