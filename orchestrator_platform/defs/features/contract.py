"""What the table of features promises, besides what the platform adds: place, time, history."""

import pandas as pd
import pandera.pandas as pa


class Vulnerability(pa.DataFrameModel):  # type: ignore[misc]  # pandera comes without types here
    """One CVE as its publisher described it in one record, and CISA's first assessment of it."""

    cve_id: str = pa.Field(description="The CVE's identifier.")
    is_rejected: bool = pa.Field(description="Whether the CVE was withdrawn.")
    title: str = pa.Field(nullable=True, description="The publisher's title.")
    description: str = pa.Field(nullable=True, description="The publisher's text, in English where there is English.")
    assigner: str = pa.Field(nullable=True, description="Who published it, in lower case.")
    vendor: str = pa.Field(nullable=True, description="The first vendor named, in lower case.")
    product: str = pa.Field(nullable=True, description="The first product named, as vendor/product in lower case.")
    n_products: pd.Int64Dtype = pa.Field(ge=0, description="How many products are named.")
    products: str = pa.Field(nullable=True, description="All products named.")
    platforms: str = pa.Field(nullable=True, description="All platforms named.")
    cwe: str = pa.Field(nullable=True, description="The first weakness named.")
    cwes: str = pa.Field(nullable=True, description="All weaknesses named.")
    cvss_version: str = pa.Field(nullable=True, isin=["4.0", "3.1", "3.0", "2.0"], description="Of the newest score.")
    cvss_score: float = pa.Field(nullable=True, ge=0, le=10, description="The publisher's base score.")
    cvss_vector: str = pa.Field(nullable=True, description="The publisher's vector, in upper case.")
    cvss_av: str = pa.Field(nullable=True, description="Attack vector.")
    cvss_ac: str = pa.Field(nullable=True, description="Attack complexity.")
    cvss_at: str = pa.Field(nullable=True, description="Attack requirements, which only version 4 has.")
    cvss_pr: str = pa.Field(nullable=True, description="Privileges required; authentication in version 2.")
    cvss_ui: str = pa.Field(nullable=True, description="User interaction.")
    cvss_s: str = pa.Field(nullable=True, description="Scope, which only version 3 has.")
    cvss_c: str = pa.Field(nullable=True, description="Impact on confidentiality.")
    cvss_i: str = pa.Field(nullable=True, description="Impact on integrity.")
    cvss_a: str = pa.Field(nullable=True, description="Impact on availability.")
    cvss_e: str = pa.Field(nullable=True, description="How far exploits have got; few publishers say so.")
    n_references: pd.Int64Dtype = pa.Field(ge=0, description="How many references are listed.")
    reference_hosts: str = pa.Field(nullable=True, description="The hosts of the references.")
    reference_sites: str = pa.Field(nullable=True, description="The hosts, each with the first part of its path.")
    reference_site: str = pa.Field(nullable=True, description="That of the first reference.")
    reference_tags: str = pa.Field(nullable=True, description="The kinds of the references, as tagged.")
    cve_year: pd.Int64Dtype = pa.Field(nullable=True, description="The year in the identifier.")
    days_since_published: pd.Int64Dtype = pa.Field(nullable=True, description="Age of the publication when seen.")
    days_since_reserved: pd.Int64Dtype = pa.Field(nullable=True, description="Age of the identifier when seen.")
    exploitation: str = pa.Field(nullable=True, isin=["none", "poc", "active"], description="As assessed first.")
    automatable: str = pa.Field(nullable=True, isin=["no", "yes"], description="As assessed first.")
    technical_impact: str = pa.Field(nullable=True, isin=["partial", "total"], description="As assessed first.")

    class Config:
        strict = True
        metadata = {"grain": ["cve_id"]}  # noqa: RUF012  # pandera's own way to say it
