-- Both ways: every CVE that landed has a current row, and that row is of its last record.
select cve_id, last.seq, vulnerability._landed_seq
from (select cve_id, max(_landed_seq) as seq from {{ ref('stg_cve_record') }} group by cve_id) as last
full join {{ ref('dim_vulnerability') }} as vulnerability using (cve_id)
where last.seq is distinct from vulnerability._landed_seq
