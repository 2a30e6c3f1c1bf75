{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

-- Each record is parsed once, here; from then on only its small parts are looked at.
with landed as (
    select
        _landed_seq,
        _file,
        cve_id,
        state,
        date_updated,
        json_extract_string(record, [
            '$.cveMetadata.assignerShortName',
            '$.cveMetadata.dateReserved',
            '$.cveMetadata.datePublished',
            '$.containers.cna.title',
            '$.containers.cna.descriptions',
            '$.containers.cna.rejectedReasons',
            '$.containers.cna.metrics',
            '$.containers.cna.problemTypes',
            '$.containers.adp'
        ]) as part
    from {{ source('raw', 'cve_record') }}
    {% if is_incremental() %}
    where _landed_seq > (select coalesce(max(_landed_seq), 0) from {{ this }})
    {% endif %}
),

picked as (
    select
        _landed_seq,
        {{ landed_at('_file') }} as landed_at,
        cve_id,
        upper(state) as state,
        {{ one_line('part[1]') }} as assigner,
        {{ utc_timestamp('part[2]') }} as date_reserved,
        {{ utc_timestamp('part[3]') }} as date_published,
        {{ utc_timestamp('date_updated') }} as date_updated,
        {{ one_line('part[4]') }} as title,
        {{ best_description('part[5]') }} as description,
        {{ best_description('part[6]') }} as rejected_reason,
        json_extract_string(part[8], '$[*].descriptions[*].cweId')[1] as cna_cwe_id,
        json_extract_string(part[9], '$[*].problemTypes[*].descriptions[*].cweId')[1] as adp_cwe_id,
        {{ best_cvss({'cna': ('part[7]', '$[*]'), 'adp': ('part[9]', '$[*].metrics[*]')}) }} as cvss,
        {{ best_ssvc('part[9]') }} as ssvc
    from landed
)

select
    _landed_seq,
    landed_at,
    cve_id,
    state,
    state = 'REJECTED' as is_rejected,
    {{ trimmed("rejected_reason.value") }} as rejected_reason,
    assigner,
    date_reserved,
    date_published,
    date_updated,
    title,
    {{ trimmed("description.value") }} as description,
    description.lang as description_lang,
    coalesce(cna_cwe_id, adp_cwe_id) as cwe_id,
    case when cna_cwe_id is not null then 'cna' when adp_cwe_id is not null then 'adp' end as cwe_source,
    cvss.version as cvss_version,
    cvss.score as cvss_base_score,
    coalesce(upper(cvss.severity), {{ severity_of('cvss.score', 'cvss.version') }}) as cvss_severity,
    cvss.vector as cvss_vector,
    cvss.source as cvss_source,
    {{ ssvc_option('ssvc', 'Exploitation') }} as exploitation,
    {{ ssvc_option('ssvc', 'Automatable') }} as automatable,
    {{ ssvc_option('ssvc', 'Technical Impact') }} as technical_impact,
    {{ one_line("json_extract_string(ssvc, '$.role')") }} as assessor_role,
    {{ utc_timestamp("json_extract_string(ssvc, '$.timestamp')") }} as assessed_at
from picked
order by _landed_seq
