"""How the columns of a relation differ from what a contract promises."""

from collections.abc import Sequence

from ..records.candidates import SchemaColumn
from ..records.contracts import Contract


def schema_problems(columns: Sequence[SchemaColumn], contract: Contract) -> tuple[str, ...]:
    """Returns a sentence for each column that is missing, unexpected or of another type than promised."""
    found = {column.name: column.type for column in columns}
    promised = {column.name: column.type for column in contract.columns}
    missing = [_missing(name, type_name, found) for name, type_name in promised.items() if name not in found]
    wrong = [
        f"column {name!r} is {found[name]}, the contract says {type_name}"
        for name, type_name in promised.items()
        if type_name and name in found and found[name] != type_name
    ]
    unexpected = [
        f"column {name!r} ({type_name}) is not in the contract"
        for name, type_name in found.items()
        if contract.closed and name not in promised
    ]
    return tuple(missing + wrong + unexpected)


def _missing(name: str, type_name: str, found: dict[str, str]) -> str:
    alike = [other for other in found if other.lower() == name.lower()]
    hint = f"; there is {alike[0]!r}, and case counts" if alike else ""
    return f"column {name!r} ({type_name or 'any type'}) is missing{hint}"
