"""What a landed CVE record promises before anything is read out of it."""

import pandera.pandas as pa


class CveRecord(pa.DataFrameModel):  # type: ignore[misc]  # pandera comes without types here
    """One record as it landed. What lies deeper in it is cleaned and judged in staging and marts."""

    cve_id: str = pa.Field(
        str_matches=r"^CVE-[0-9]{4}-[0-9]{4,19}\Z", description="The CVE's identifier, not unique: records change."
    )
    state: str = pa.Field(isin=["PUBLISHED", "REJECTED"], description="REJECTED marks a tombstone.")
    date_updated: str = pa.Field(
        nullable=True,
        str_matches=(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
        ),
        description="When the record says it was last updated, as landed: with or without fraction and zone.",
    )
    record: str = pa.Field(description="The whole record as JSON text.")

    class Config:
        strict = True
        metadata = {"grain": "none"}  # noqa: RUF012  # pandera's own way to say it
