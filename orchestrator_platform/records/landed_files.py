"""The table that takes down the ledger: one row per landed file, as it stands."""

LANDED_FILE_COLUMNS = (
    ("source", "VARCHAR", "The source's name."),
    ("asset", "VARCHAR", "The raw table that the source fills."),
    ("file", "VARCHAR", "The file's path in the source's landing folder."),
    ("file_sha256", "VARCHAR", "The sha256 of its bytes; the same bytes again are a duplicate."),
    ("size_bytes", "BIGINT", "Its size."),
    ("state", "VARCHAR", "landed, duplicate, refused, or retracted where a version with rows of it was taken back."),
    ("n_rows", "BIGINT", "How many rows it holds; a file that cannot be read at all counts as one."),
    ("n_published", "BIGINT", "How many of them serve."),
    ("n_quarantined", "BIGINT", "How many wait in quarantine, or were discarded there."),
    ("n_duplicate", "BIGINT", "How many were known from another file of the same bytes."),
    ("version", "BIGINT", "The newest version of the raw table that serves rows of it, or brought any."),
    ("landed_at", "TIMESTAMP WITH TIME ZONE", "When it was landed."),
)
NULLABLE = frozenset({"version"})
ADDS_UP = ("n_rows", "n_published", "n_quarantined", "n_duplicate")
IDENTITY = ("source", "file", "file_sha256")
COUNTS = ("asset", "size_bytes", "state", *ADDS_UP, "version")
