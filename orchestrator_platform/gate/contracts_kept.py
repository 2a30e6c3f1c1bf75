"""Contracts by their hash, as they were when something was published under them: what a receipt's hash stands for."""

from pathlib import Path

from ..records.contracts import Contract
from ..storage import write_whole

_FOLDER = "contracts"


def keep_contract(evidence: Path, contract: Contract) -> None:
    """Keeps the contract, unless it is there."""
    file = _file(evidence, contract.hash())
    if not file.exists():
        write_whole(file, f"{contract.canonical_json()}\n".encode())


def load_contract(evidence: Path, contract_hash: str) -> Contract | None:
    """Returns the contract of that hash, `None` where it was not kept or is not what it was."""
    try:
        contract = Contract.model_validate_json(_file(evidence, contract_hash).read_bytes())
    except (OSError, ValueError):
        return None
    return contract if contract.hash() == contract_hash else None


def _file(evidence: Path, contract_hash: str) -> Path:
    return evidence / _FOLDER / f"{contract_hash}.json"
