-- One row for each record, of what the publisher of the CVE says. Texts that are lists of words are joined by blanks,
-- so that they can be counted like any other text.
WITH texts AS (
    SELECT
        *,
        list_sort(list_transform(json_extract(descriptions, '$[*]'), lambda text, place: {
            'rank': CASE
                WHEN lower(text ->> '$.lang') IN ('en', 'eng') THEN 0
                WHEN lower(text ->> '$.lang') LIKE 'en%' THEN 1
                ELSE 2 END,
            'place': place,
            'value': text ->> '$.value'
        }))[1].value AS told,
        json_extract_string(affected, '$[*].vendor') AS vendors,
        json_extract_string(affected, '$[*].product') AS products,
        list_distinct(json_extract_string(affected, '$[*].platforms[*]')) AS platform_names,
        list_distinct(json_extract_string(problem_types, '$[*].descriptions[*].cweId')) AS cwe_ids,
        json_extract_string(links, '$[*].url') AS urls,
        json_extract_string(links, '$[*].tags[*]') AS tags,
        json_extract(metrics, '$[*].cvssV4_0')[1] AS v4,
        json_extract(metrics, '$[*].cvssV3_1')[1] AS v31,
        json_extract(metrics, '$[*].cvssV3_0')[1] AS v30,
        json_extract(metrics, '$[*].cvssV2_0')[1] AS v2
    FROM records
),

scored AS (
    SELECT
        *,
        coalesce(v4, v31, v30, v2) AS cvss
    FROM texts
),

named AS (
    SELECT
        *,
        upper(cvss ->> '$.vectorString') AS vector,
        lower(trim(regexp_replace(vendors[1], '[\s_]+', ' ', 'g'))) AS first_vendor,
        lower(trim(regexp_replace(products[1], '[\s_]+', ' ', 'g'))) AS first_product,
        list_distinct(list_transform(
            urls, lambda url: lower(regexp_extract(url, '^[A-Za-z]+://(?:www\.)?([^/:?#]+)', 1)))) AS hosts,
        -- A host and what its address begins with: whose repository, which of a vendor's lists.
        list_distinct(list_transform(
            urls, lambda url: lower(regexp_extract(url, '^[A-Za-z]+://(?:www\.)?([^/?#\s]+(?:/[^/?#\s]+)?)', 1)))) AS sites
    FROM scored
)

SELECT
    cve_id,
    upper(state) = 'REJECTED' AS is_rejected,
    nullif(trim(regexp_replace(heading, '\s+', ' ', 'g')), '') AS title,
    nullif(trim(regexp_replace(told, '\s+', ' ', 'g')), '') AS description,
    nullif(lower(trim(assigner_name)), '') AS assigner,
    CASE WHEN first_vendor NOT IN ('n/a', 'na', 'none', 'null', 'unknown', 'unspecified', 'not applicable', '-', '*', '')
        THEN first_vendor END AS vendor,
    CASE WHEN first_product NOT IN ('n/a', 'na', 'none', 'null', 'unknown', 'unspecified', 'not applicable', '-', '*', '')
        THEN coalesce(first_vendor, '') || '/' || first_product END AS product,
    coalesce(len(list_distinct(products)), 0) AS n_products,
    nullif(list_aggregate(list_sort(list_distinct(products)), 'string_agg', ' '), '') AS products,
    nullif(list_aggregate(list_sort(platform_names), 'string_agg', ' '), '') AS platforms,
    cwe_ids[1] AS cwe,
    nullif(list_aggregate(list_sort(cwe_ids), 'string_agg', ' '), '') AS cwes,
    CASE WHEN v4 IS NOT NULL THEN '4.0' WHEN v31 IS NOT NULL THEN '3.1' WHEN v30 IS NOT NULL THEN '3.0'
        WHEN v2 IS NOT NULL THEN '2.0' END AS cvss_version,
    try_cast(cvss ->> '$.baseScore' AS DOUBLE) AS cvss_score,
    vector AS cvss_vector,
    -- One spelling for all versions: what CVSS 2 calls Au is PR, and the impact on the vulnerable system is meant.
    nullif(regexp_extract(vector, '(?:^|/)AV:([A-Z])', 1), '') AS cvss_av,
    nullif(regexp_extract(vector, '(?:^|/)AC:([A-Z])', 1), '') AS cvss_ac,
    nullif(regexp_extract(vector, '(?:^|/)AT:([A-Z])', 1), '') AS cvss_at,
    nullif(regexp_extract(vector, '(?:^|/)(?:PR|AU):([A-Z])', 1), '') AS cvss_pr,
    nullif(regexp_extract(vector, '(?:^|/)UI:([A-Z])', 1), '') AS cvss_ui,
    nullif(regexp_extract(vector, '(?:^|/)S:([A-Z])', 1), '') AS cvss_s,
    nullif(regexp_extract(vector, '(?:^|/)V?C:([A-Z])', 1), '') AS cvss_c,
    nullif(regexp_extract(vector, '(?:^|/)V?I:([A-Z])', 1), '') AS cvss_i,
    nullif(regexp_extract(vector, '(?:^|/)V?A:([A-Z])', 1), '') AS cvss_a,
    nullif(regexp_extract(vector, '(?:^|/)E:([A-WYZ])', 1), '') AS cvss_e,
    coalesce(len(urls), 0) AS n_references,
    nullif(list_aggregate(list_sort(hosts), 'string_agg', ' '), '') AS reference_hosts,
    nullif(list_aggregate(list_sort(sites), 'string_agg', ' '), '') AS reference_sites,
    nullif(lower(regexp_extract(urls[1], '^[A-Za-z]+://(?:www\.)?([^/?#\s]+(?:/[^/?#\s]+)?)', 1)), '') AS reference_site,
    nullif(list_aggregate(list_sort(list_distinct(tags)), 'string_agg', ' '), '') AS reference_tags,
    try_cast(regexp_extract(cve_id, '^CVE-([0-9]{4})-', 1) AS BIGINT) AS cve_year,
    date_diff('day', make_timestamp(epoch_us(try_cast(published AS TIMESTAMPTZ))), seen_at) AS days_since_published,
    date_diff('day', make_timestamp(epoch_us(try_cast(reserved AS TIMESTAMPTZ))), seen_at) AS days_since_reserved
FROM named
