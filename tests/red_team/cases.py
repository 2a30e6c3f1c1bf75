"""All cases, in the order of the table in docs/reliability.md."""

from red_team import auditors, callers, disks, producers

CASES = (*producers.CASES, *auditors.CASES, *callers.CASES, *disks.CASES)
