-- CISA's first assessment of each CVE; a later one is another question.
SELECT cve_id, landed_at AS known_at, _landed_seq, exploitation, automatable, technical_impact
FROM marts.fct_assessment
WHERE assessment_number = 1
