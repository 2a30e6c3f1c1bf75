"""The kinds of defect that the gate is tested with: what each one is, and which check would catch it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from . import planted_changes as planted
from .planted_changes import FEW, HALF, SOME, Planted, in_columns
from .planted_ground import Ground

_COMPARE = "a test that compares {columns} with the parent, row by row"
_ONE_ROW = "say its `grain`, or promise `rows: {at_most_one_per: PARENT}`"
_EMBEDDING = "declare {columns} as an embedding, or add a check that makes the vectors anew"
_ALL_ROWS = "promise `rows: {same_as: PARENT}`, or add a test that selects rows of the parent without a row here"


@dataclass(frozen=True)
class DefectKind:
    """`advice` says which check catches it; `{columns}` in it stands for the columns that were hit."""

    name: str
    description: str
    advice: str
    plant: Callable[[Ground], Planted]


@dataclass(frozen=True)
class Defect:
    """One defect in one table: `relation` is the table with it, as what can stand after FROM."""

    kind: DefectKind
    columns: tuple[str, ...]
    relation: str

    @property
    def advice(self) -> str:
        return self.kind.advice.replace("{columns}", ", ".join(self.columns) or "its columns")


def plant_defects(ground: Ground, kinds: Collection[str] = ()) -> Iterator[Defect]:
    """Yields one defect per kind and column that it applies to, always in the same order; by default of all kinds.

    A defect may change nothing, as where no letter lies outside of ASCII: whoever plants it compares the contents.
    """
    for kind in KINDS:
        if not kinds or kind.name in kinds:
            for columns, relation in kind.plant(ground):
                yield Defect(kind, columns, relation)


KINDS = (
    DefectKind(
        "nulls",
        "A fifth of a column's values is lost.",
        f"add `not_null` on {{columns}}; where it may be null, {_COMPARE}",
        in_columns(planted.filled, planted.lost, SOME),
    ),
    DefectKind("duplicated_rows", "One row in twenty is there twice.", _ONE_ROW, planted.duplicated_rows),
    DefectKind(
        "dropped_rows", "A fifth of the rows is missing, or only one in twenty.", _ALL_ROWS, planted.dropped_rows
    ),
    DefectKind("doubled_table", "Every row is there twice.", _ONE_ROW, planted.doubled_table),
    DefectKind("fan_out", "A join gave a fifth of the rows three times.", _ONE_ROW, planted.fan_out),
    DefectKind(
        "swapped_columns",
        "Two columns of one type, side by side, change places.",
        f"add `accepted_values` or a pattern, or {_COMPARE}",
        planted.swapped_columns,
    ),
    DefectKind(
        "shifted_units",
        "Every number is a hundred or a thousand times what it was.",
        f"bound {{columns}} from above (`le`), or add {_COMPARE}",
        planted.shifted_units,
    ),
    DefectKind(
        "stale_data",
        "An earlier version comes as a new one, or else the first four fifths of the rows.",
        f"{_ALL_ROWS}, the newest ones among them",
        planted.stale_data,
    ),
    DefectKind(
        "truncated_text",
        "Texts end after ten characters.",
        f"add a pattern of the whole text, or {_COMPARE}",
        in_columns(planted.long_texts, planted.shortened),
    ),
    DefectKind(
        "category_typos",
        "One value in twenty of a category has its last letter doubled.",
        f"add `accepted_values` (`isin`) on {{columns}}, or {_COMPARE}",
        in_columns(planted.categories, planted.mistyped, FEW),
    ),
    DefectKind(
        "time_zone_shift",
        "Every time is five hours late, every day the day after.",
        f"add {_COMPARE}",
        in_columns(planted.times, planted.later("1 DAY", "5 HOURS")),
    ),
    DefectKind(
        "constant_column",
        "Every row has the same value, one that is in the column.",
        f"add {_COMPARE}",
        in_columns(planted.varied, planted.one_value),
    ),
    DefectKind(
        "sign_flip",
        "Every number is negated.",
        "bound {columns} from below (`ge: 0`)",
        in_columns(planted.measures, planted.multiplied(-1)),
    ),
    DefectKind(
        "off_by_one_keys",
        "Whole numbers that are keys are one too high, other keys stand one row off.",
        "add a test that joins the parent on {columns} and compares another column",
        in_columns(planted.keys, planted.next_key),
    ),
    DefectKind(
        "orphan_keys",
        "One key in twenty is of nothing that there is.",
        "promise `rows: {subset_of: {parent: PARENT, on: [{columns}]}}`, or add `relationships` on {columns}",
        in_columns(planted.keys, planted.orphaned, FEW),
    ),
    DefectKind(
        "wrong_type",
        "A column holds texts instead of values, or bytes instead of texts.",
        "give {columns} a type in the contract (`data_type`)",
        in_columns(planted.all_of_them, planted.retyped),
    ),
    DefectKind(
        "extra_column",
        "A column that nobody promised comes along.",
        "close the contract: `meta: {closed: true}` (dbt), `strict = True` (pandera)",
        planted.extra_column,
    ),
    DefectKind("missing_column", "A column is not there.", "list {columns} in the contract", planted.missing_column),
    DefectKind(
        "future_dates",
        "One date in twenty is fifty years late.",
        f"bound {{columns}} by the time of landing, or add {_COMPARE}",
        in_columns(planted.times, planted.later("50 YEARS", "50 YEARS"), FEW),
    ),
    DefectKind(
        "whitespace_casing",
        "A fifth of a text column is in the other case, with a blank behind it.",
        f"add `accepted_values` or a pattern, or {_COMPARE}",
        in_columns(planted.texts, planted.in_other_case, SOME),
    ),
    DefectKind(
        "mojibake",
        "Letters outside of ASCII are what a reader in the wrong encoding makes of their bytes.",
        f"add a test that finds `Ã` in {{columns}}, or {_COMPARE}",
        in_columns(planted.texts, planted.garbled),
    ),
    DefectKind(
        "shuffled_vectors",
        "Every vector is that of the row below.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.of_next_row),
    ),
    DefectKind(
        "foreign_vectors",
        "Half of the vectors are another model's, of the same length.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.turned_round, HALF),
    ),
    DefectKind(
        "coarse_vectors",
        "Of each number in a vector only the sign is left.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.of_numbers("CASE WHEN x < 0 THEN -1 ELSE 1 END / sqrt(len({list}))")),
    ),
    DefectKind(
        "stretched_vectors",
        "A fifth of the vectors are twice as long.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.of_numbers("2 * x"), SOME),
    ),
    DefectKind(
        "shortened_vectors",
        "A fifth of the vectors lost half of their numbers.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.half_of_it, SOME),
    ),
    DefectKind(
        "not_a_number",
        "One vector in twenty holds no numbers.",
        _EMBEDDING,
        in_columns(planted.vectors, planted.of_numbers("CAST('nan' AS FLOAT)"), FEW),
    ),
)
