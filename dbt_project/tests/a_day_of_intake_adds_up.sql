-- Days are built one by one, so that a day may still be as it was before its newest file: it is not compared with records.
select day, n_records, n_new, n_changed
from {{ ref('daily_intake') }}
where n_records <> n_new + n_changed
    or least(n_files, n_records, n_new, n_changed, n_rejected) < 0
    or (n_files = 0 and n_rejected > 0)
