-- What holds for nearly all entries of every catalogue so far, and where it does not hold for many the file is damaged:
-- a name begins with its vendor, goes on with its product, sentences end, notes name the CVE they are about, and
-- few names are as long as the longest, as they are where a column cuts them off.
WITH newest AS (
    FROM raw.kev WHERE _file_sha256 = (SELECT arg_max(_file_sha256, _landed_seq) FROM raw.kev)
),

longest AS (
    SELECT max(length("vendorProject")) AS longest_vendor, max(length("product")) AS longest_product FROM newest
),

odd AS (
    SELECT
        count(*) AS n,
        count(*) FILTER (WHERE NOT starts_with("vulnerabilityName", trim("vendorProject"))) AS n_vendor,
        count(*) FILTER (WHERE NOT contains("vulnerabilityName", trim("product"))) AS n_product,
        count(*) FILTER (WHERE "vulnerabilityName" <> trim("vulnerabilityName")) AS n_name,
        count(*) FILTER (WHERE length("vendorProject") = longest_vendor) AS n_cut_vendors,
        count(*) FILTER (WHERE length("product") = longest_product) AS n_cut_products,
        count(*) FILTER (WHERE NOT "shortDescription" LIKE '%.') AS n_description,
        count(*) FILTER (WHERE NOT "requiredAction" LIKE '%.') AS n_action,
        count(*) FILTER (WHERE NOT coalesce(contains("notes", "cveID") AND contains("notes", 'http'), false)) AS n_notes,
        count(*) FILTER (WHERE "dateAdded" > "dueDate") AS n_due,
        count(*) FILTER (WHERE "dateAdded" > strftime(current_date + 1, '%Y-%m-%d')) AS n_added,
        count(DISTINCT "shortDescription") AS n_descriptions,
        count(DISTINCT "requiredAction") AS n_actions,
        count(DISTINCT "cwes") AS n_cwes,
        count(*) FILTER (WHERE "cwes" IS NOT NULL) AS n_with_cwes,
        count(*) FILTER (WHERE regexp_matches(
            concat_ws(' ', "vendorProject", "product", "vulnerabilityName", "shortDescription", "requiredAction"),
            '[ÃÂ][\x{80}-\x{BF}]|â€')) AS n_garbled
    FROM newest, longest
)

FROM odd
WHERE n >= 100 AND (
    n_vendor > 0.15 * n OR n_cut_vendors > 0.03 * n OR n_cut_products > 0.03 * n
    OR n_product > 0.2 * n OR n_name > 0.1 * n
    OR n_description > 0.1 * n OR n_action > 0.1 * n
    OR n_notes > 0.1 * n OR n_due > 0.05 * n OR n_added > 0 OR n_descriptions < 0.5 * n OR n_actions < 2
    OR (n_cwes < 2 AND n_with_cwes > 0.5 * n) OR n_garbled > 0.01 * n)
