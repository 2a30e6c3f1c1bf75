"""One made-up CVE record or catalogue entry, shaped and soiled like the real ones.

A record is a function of (seed, number, revision), so that any later batch can change a record without having
kept it. All texts come from the word lists below; knows nothing of files.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)

# Every fifth record carries one of these, in turn, so that even a small feed holds each kind.
DIRT = (
    "label_case", "no_zone", "no_zone_fraction", "offset", "integer_score", "cvss_4", "cvss_3_0", "cvss_2",
    "every_cvss", "adp_cvss", "vendor_na", "product_na", "nothing_named", "german", "english_variants", "variant_only",
    "tombstone", "no_date", "two_assessments", "test_role", "no_assessment", "no_title", "white_space",
)  # fmt: skip

_VENDORS = ("Alderbrook", "Birchway", "Cobalt Harbour", "Dunmore Labs", "Elmstead", "Fernhill", "Greyfield", "Hollin")
_PRODUCTS = ("Ledger", "Mail Relay", "Print Spool", "Gate Keeper", "Photo Shelf", "Route Plan", "Till", "Archive Box")
_FLAWS = {
    "CWE-79": "cross-site scripting",
    "CWE-89": "SQL injection",
    "CWE-22": "path traversal",
    "CWE-787": "out-of-bounds write",
    "CWE-287": "improper authentication",
    "CWE-352": "cross-site request forgery",
}
_PARTS = ("login form", "upload endpoint", "report view", "search box", "backup job", "licence check", "font parser")
_EFFECTS = ("run code of their choice", "read other users' files", "stop the service", "change settings", "gain rights")
_GERMAN = "Eine Schwachstelle in {product} von {vendor}: Angreifer können über {part} Schaden anrichten."


@dataclass(frozen=True)
class Facts:
    """What is true of a made-up CVE whatever the revision."""

    number: int
    cve_id: str
    dirt: str | None
    vendor: str
    product: str
    cwe: str
    part: str
    effect: str
    score: float
    points: tuple[str, str, str]
    reserved: datetime

    @property
    def is_exploited(self) -> bool:
        return self.points[0] == "active"


def facts_of(seed: int, number: int) -> Facts:
    """Returns the lasting facts of the made-up CVE of that number."""
    rng = Random(f"{seed}/{number}")  # noqa: S311  # nothing here is a secret
    return Facts(
        number=number,
        cve_id=f"CVE-{2019 + number % 6}-{20000 + number}",
        dirt=DIRT[number // 5 % len(DIRT)] if number % 5 == 0 else None,
        vendor=rng.choice(_VENDORS),
        product=f"{rng.choice(_PRODUCTS)} {rng.randint(1, 40)}",
        cwe=rng.choice(sorted(_FLAWS)),
        part=rng.choice(_PARTS),
        effect=rng.choice(_EFFECTS),
        score=rng.randint(10, 98) / 10,
        points=_points(rng),
        reserved=START - timedelta(days=rng.randint(5, 700), seconds=rng.randint(0, 86_399)),
    )


def _points(rng: Random) -> tuple[str, str, str]:
    exploitation = rng.choices(("none", "poc", "active"), (85, 12, 3))[0]
    return exploitation, rng.choices(("no", "yes"), (80, 20))[0], rng.choices(("partial", "total"), (70, 30))[0]


def make_record(
    seed: int, number: int, revision: int, day: datetime, exploitation: str | None = None
) -> dict[str, Any]:
    """Returns a record of the CVE of that number as it stands at `revision`, landed on `day`.

    Revision 1 repeats revision 0; later ones may change labels, score and title, and every third one carries an
    older date than the record before. `exploitation` puts another label in the record's place.
    """
    facts = facts_of(seed, number)
    updated = _updated(facts, revision, day)
    record = {
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1",
        "cveMetadata": _metadata(facts, updated),
        "containers": {
            "cna": _cna(facts, revision, updated),
            "adp": _adp(facts, _points_at(seed, facts, revision), updated, exploitation),
        },
    }
    is_rejected = facts.dirt == "tombstone" and (revision > 0 or number % 2 == 0)
    return _tombstone(record) if is_rejected else record


def _updated(facts: Facts, revision: int, day: datetime) -> datetime:
    if revision < 2:
        return facts.reserved + timedelta(days=30)
    return facts.reserved + timedelta(days=10) if revision % 3 == 2 else day


def _points_at(seed: int, facts: Facts, revision: int) -> tuple[str, str, str]:
    if revision < 2 or facts.is_exploited:
        return facts.points
    return _points(Random(f"{seed}/{facts.number}/{revision // 2}"))  # noqa: S311  # nothing here is a secret


def _metadata(facts: Facts, updated: datetime) -> dict[str, Any]:
    metadata = {
        "cveId": facts.cve_id,
        "assignerShortName": facts.vendor.lower().replace(" ", "_"),
        "state": "PUBLISHED",
        "dateReserved": _date(facts, facts.reserved),
        "datePublished": _date(facts, facts.reserved + timedelta(days=3)),
        "dateUpdated": _date(facts, updated),
    }
    return {name: value for name, value in metadata.items() if facts.dirt != "no_date" or name != "dateUpdated"}


def _date(facts: Facts, at: datetime) -> str:
    match facts.dirt:
        case "no_zone":
            return f"{at:%Y-%m-%dT%H:%M:%S}"
        case "no_zone_fraction":
            return f"{at:%Y-%m-%dT%H:%M:%S}.250000"
        case "offset":
            return f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00"
        case _:
            return f"{at:%Y-%m-%dT%H:%M:%S}.125Z"


def _cna(facts: Facts, revision: int, updated: datetime) -> dict[str, Any]:
    pad = "  " if facts.dirt == "white_space" else ""
    title = f"{pad}{facts.vendor} {facts.product} {_FLAWS[facts.cwe]}{pad}"
    container: dict[str, Any] = {
        "providerMetadata": {"shortName": facts.vendor.lower(), "dateUpdated": _date(facts, updated)},
        "title": title + (f" (update {revision})" if revision % 4 == 3 else ""),
        "descriptions": _descriptions(facts),
        "affected": _affected(facts),
        "problemTypes": [
            {"descriptions": [{"lang": "en", "type": "CWE", "cweId": facts.cwe, "description": facts.cwe}]}
        ],
        "references": [{"url": f"https://advisories.example/{facts.cve_id}"}],
    }
    if facts.dirt == "no_title":
        del container["title"]
    if facts.dirt != "adp_cvss":
        container["metrics"] = _metrics(facts, facts.score if revision % 3 != 2 else round(10 - facts.score, 1))
    return container


def _descriptions(facts: Facts) -> list[dict[str, str]]:
    english = {
        "lang": "en",
        "value": f"A flaw of the kind {_FLAWS[facts.cwe]} in the {facts.part} of {facts.vendor} {facts.product} lets"
        f" attackers {facts.effect}. Versions before the fix are affected.",
    }
    german = {"lang": "de", "value": _GERMAN.format(product=facts.product, vendor=facts.vendor, part=facts.part)}
    match facts.dirt:
        case "german":
            return [german, english]
        case "english_variants":
            return [{"lang": "en-US", "value": f"US wording. {english['value']}"}, english]
        case "variant_only":
            return [{**english, "lang": "en-US"}]
        case _:
            return [english]


def _affected(facts: Facts) -> list[dict[str, Any]]:
    versions = [{"version": "0", "lessThan": f"{facts.number % 9}.2", "status": "affected", "versionType": "custom"}]
    named: dict[str, Any] = {"vendor": facts.vendor, "product": facts.product, "versions": versions}
    match facts.dirt:
        case "vendor_na":
            return [{**named, "vendor": "n/a"}]
        case "product_na":
            return [{**named, "product": "N/A"}, {**named, "product": "Unspecified"}]
        case "nothing_named":
            return [{"vendor": "n/a", "product": "n/a", "versions": versions}]
        case "white_space":
            return [named, {**named, "product": f" {facts.product.upper()} "}]
        case _:
            return [named]


def _metrics(facts: Facts, score: float) -> list[dict[str, Any]]:
    match facts.dirt:
        case "integer_score":
            return [{"format": "CVSS", "cvssV3_1": _cvss("3.1", int(score))}]
        case "cvss_4":
            return [{"cvssV4_0": _cvss("4.0", score)}]
        case "cvss_3_0":
            return [{"cvssV3_0": _cvss("3.0", score)}]
        case "cvss_2":
            return [{"cvssV2_0": {"version": "2.0", "baseScore": score, "vectorString": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}}]
        case "every_cvss":
            keys = {"cvssV2_0": "2.0", "cvssV3_0": "3.0", "cvssV3_1": "3.1", "cvssV4_0": "4.0"}
            return [{key: _cvss(version, score)} for key, version in keys.items()]
        case _:
            return [{"format": "CVSS", "cvssV3_1": _cvss("3.1", score)}] if facts.number % 4 else []


def _cvss(version: str, score: float) -> dict[str, Any]:
    bands = ((9, "CRITICAL"), (7, "HIGH"), (4, "MEDIUM"), (0.1, "LOW"), (0, "NONE"))
    severity = next(name for floor, name in bands if score >= floor)
    vector = f"CVSS:{version}/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N"
    return {"version": version, "baseScore": score, "baseSeverity": severity, "vectorString": vector}


def _adp(
    facts: Facts, points: tuple[str, str, str], updated: datetime, exploitation: str | None
) -> list[dict[str, Any]]:
    if facts.dirt == "no_assessment":
        return []
    points = (exploitation or points[0], *points[1:])
    if facts.dirt == "label_case":
        points = ("PoC" if points[0] == "poc" else points[0].title(), points[1].title(), points[2].title())
    metric = _ssvc(facts, points, updated - timedelta(hours=6))
    metrics = [metric, metric] if facts.dirt == "two_assessments" else [metric]
    if facts.dirt == "adp_cvss":
        metrics.append({"cvssV3_1": _cvss("3.1", facts.score)})
    cpe_names = {"vendor": facts.vendor.lower().replace(" ", "_"), "product": facts.product.lower().replace(" ", "_")}
    container: dict[str, Any] = {"providerMetadata": {"shortName": "CISA-ADP"}, "metrics": metrics}
    return [container | ({"affected": [cpe_names]} if facts.number % 2 else {})]


def _ssvc(facts: Facts, points: tuple[str, str, str], at: datetime) -> dict[str, Any]:
    names = ("Exploitation", "Automatable", "Technical Impact")
    content = {
        "id": facts.cve_id,
        "role": "TEST ROLE" if facts.dirt == "test_role" else "CISA Coordinator",
        "options": [{name: label} for name, label in zip(names, points, strict=True)],
        "version": "2.0.3",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.500000Z",
    }
    return {"other": {"type": "ssvc", "content": content}}


def _tombstone(record: dict[str, Any]) -> dict[str, Any]:
    reason = {"lang": "en", "value": "This identifier was withdrawn; it was no vulnerability."}
    provider = record["containers"]["cna"]["providerMetadata"]
    cna = {"providerMetadata": provider, "rejectedReasons": [reason]}
    metadata = {**record["cveMetadata"], "state": "REJECTED"}
    return {**record, "cveMetadata": metadata, "containers": {**record["containers"], "cna": cna}}


def make_malformed(seed: int, number: int, revision: int, day: datetime) -> str:
    """Returns a record's text with a comma missing, as upstream publishes one now and then."""
    text = json.dumps(make_record(seed, number, revision, day), indent=2, ensure_ascii=False)
    return text.replace('",\n', '"\n', 1)


def make_kev_entry(seed: int, number: int, added: datetime) -> dict[str, str]:
    """Returns the catalogue's entry for the CVE of that number, in the catalogue's columns."""
    facts = facts_of(seed, number)
    flaw = _FLAWS[facts.cwe]
    return {
        "cveID": facts.cve_id,
        "vendorProject": facts.vendor,
        "product": facts.product,
        "vulnerabilityName": f"{facts.vendor} {facts.product} {flaw} Vulnerability ",
        "dateAdded": f"{added:%Y-%m-%d}",
        "shortDescription": f'{facts.vendor} "{facts.product}", in its {facts.part}, allows {flaw}.',
        "requiredAction": "Apply the vendor's fix, or stop using the product.",
        "dueDate": f"{added + timedelta(days=21):%Y-%m-%d}",
        "knownRansomwareCampaignUse": "Known" if facts.number % 3 == 0 else "Unknown",
        "notes": f"https://advisories.example/{facts.cve_id}",
        "cwes": facts.cwe if facts.number % 7 else "",
    }
