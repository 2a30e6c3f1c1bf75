"""What a row of the Known Exploited Vulnerabilities catalogue promises, under the catalogue's own column names."""

# ruff: noqa: N815  # the columns keep the names that the catalogue gives them

import pandera.pandas as pa

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"


class KnownExploited(pa.DataFrameModel):  # type: ignore[misc]  # pandera comes without types here
    """One entry of one snapshot of the catalogue, as landed."""

    cveID: str = pa.Field(
        str_matches=r"^CVE-[0-9]{4}-[0-9]{4,19}\Z", description="The CVE's identifier, once in each snapshot."
    )
    vendorProject: str = pa.Field(description="Vendor or project.")
    product: str = pa.Field(description="Product.")
    vulnerabilityName: str = pa.Field(description="CISA's name for the vulnerability.")
    dateAdded: str = pa.Field(str_matches=_DAY, description="Day it was added to the catalogue.")
    shortDescription: str = pa.Field(description="What the vulnerability is.")
    requiredAction: str = pa.Field(description="What federal agencies must do.")
    dueDate: str = pa.Field(str_matches=_DAY, description="Day by which they must have done it.")
    knownRansomwareCampaignUse: str = pa.Field(
        isin=["Known", "Unknown"], description="Whether ransomware campaigns are known to use it."
    )
    notes: str = pa.Field(nullable=True, description="Links and remarks.")
    cwes: str = pa.Field(
        nullable=True, str_matches=r"^CWE-[0-9]+(, ?CWE-[0-9]+)*\Z", description="CWE identifiers, separated by commas."
    )

    class Config:
        strict = True
        metadata = {"grain": "none"}  # noqa: RUF012  # pandera's own way to say it
