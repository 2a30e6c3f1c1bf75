-- The newest records are read again, value by value: what was picked out of the text is in it, and what is in it was
-- picked. Which of several the model prefers is not asked. A record may be odd in a way
-- that this does not know: more than ten, and one in a hundred, are not.
with landed as (
    select
        _landed_seq,
        json_extract_string(record, [
            '$.cveMetadata.assignerShortName',
            '$.cveMetadata.dateReserved',
            '$.cveMetadata.datePublished',
            '$.containers.cna.title'
        ]) as part,
        json_extract(record, '$.containers.cna') as cna,
        json_extract(record, '$.containers.adp') as adp
    from {{ source('raw', 'cve_record') }}
    where {{ is_newest(source('raw', 'cve_record')) }}
),

listed as (
    select
        _landed_seq,
        part,
        json_extract_string(cna, '$.descriptions[*].value') as descriptions,
        json_extract_string(cna, '$.descriptions[*].lang') as langs,
        json_extract_string(cna, '$.rejectedReasons[*].value') as reasons,
        json_extract_string(cna, '$.problemTypes[*].descriptions[*].cweId') as cna_cwes,
        json_extract_string(adp, '$[*].problemTypes[*].descriptions[*].cweId') as adp_cwes,
        json_extract(cna, '$.metrics[*].*') as cna_metrics,
        json_extract(adp, '$[*].metrics[*].*') as adp_metrics,
        json_extract(adp, '$[*].metrics[*].other.content') as assessments
    from landed
),

scored as (
    select
        *,
        list_filter(cna_metrics, lambda metric: json_exists(metric, '$.baseScore')) as cna_scores,
        list_filter(
            list_concat(cna_metrics, adp_metrics), lambda metric: json_exists(metric, '$.baseScore')) as scores,
        list_filter(assessments, lambda found: json_exists(found, '$.options')) as points
    from listed
)

select
    cleaned._landed_seq,
    row(cleaned.assigner, cleaned.date_reserved, cleaned.date_published, cleaned.title)
        is distinct from
        row({{ one_line('part[1]') }}, {{ utc_timestamp('part[2]') }}, {{ utc_timestamp('part[3]') }}, {{ one_line('part[4]') }}) as is_lost
from scored
join {{ ref('stg_cve_record') }} as cleaned using (_landed_seq)
where is_lost
    or not {{ is_among('description', 'descriptions', 'text', trimmed('text')) }}
    or not {{ is_among('description_lang', 'langs', 'text', 'lower(text)') }}
    or not {{ is_among('rejected_reason', 'reasons', 'text', trimmed('text')) }}
    or row(cleaned.cwe_id, cleaned.cwe_source) is distinct from row(
        coalesce(cna_cwes[1], adp_cwes[1]), if(cna_cwes[1] is null, if(adp_cwes[1] is null, null, 'adp'), 'cna'))
    or not {{ is_among('cvss_base_score', 'scores', 'metric', "try_cast(json_extract_string(metric, '$.baseScore') as double)") }}
    or not {{ is_among('cvss_vector', 'scores', 'metric', "json_extract_string(metric, '$.vectorString')") }}
    or cleaned.cvss_source <> if(len(cna_scores) > 0, 'cna', 'adp')
    {%- for point, name in {
        'exploitation': 'Exploitation', 'automatable': 'Automatable', 'technical_impact': 'Technical Impact'
    }.items() %}
    or not {{ is_among(point, 'points', 'found', ssvc_option('found', name)) }}
    {%- endfor %}
    or not {{ is_among('assessor_role', 'points', 'found', one_line("json_extract_string(found, '$.role')")) }}
    or not {{ is_among(
        'assessed_at', 'points', 'found', utc_timestamp("json_extract_string(found, '$.timestamp')")) }}
qualify is_lost or count(*) over () > greatest(10, 0.01 * (select count(*) from scored))
