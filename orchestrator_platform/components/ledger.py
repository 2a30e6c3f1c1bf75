"""The ledger as a table: what became of every landed file, for other tables to be made from."""

from pydantic import BaseModel

from ..operations.component_files import LedgerAttributes
from .building import BuiltComponent


class LedgerComponent(BuiltComponent[LedgerAttributes]):
    """One row per landed file, with how many of its rows serve and how many wait in quarantine."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return LedgerAttributes
