import ast
import gzip
import hashlib
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
from orchestrator_platform.errors import Misuse
from orchestrator_platform.operations.component_files import read_component_files
from orchestrator_platform.reading.propose_source import SourceProposal, propose_source
from orchestrator_platform.reading.read_files import FileRead, FileToRead, read_files
from orchestrator_platform.reading.typed_columns import untyped_predicate_sql
from orchestrator_platform.records.contracts import Contract
from orchestrator_platform.records.declarations import FileFormat, SourceOptions
from orchestrator_platform.records.keys import AssetKey

from .conftest import rows_in

ORDERS = b"""order_id,Order No,ordered,at,amount,n,paid,zip,note
1,A-1,2024-01-02,2024-01-02T03:04:05Z,19.99,1,true,01234,
2,A-2,2024-01-03,2024-01-02T03:04:05+02:00,20,,false,98765,n/a
3,A-3,2024-01-03,2024-01-02 03:04:05Z,5,3,true,00000,"x, y"
"""


def propose(tmp_path: Path, name: str, content: bytes) -> SourceProposal:
    path = tmp_path / name
    path.write_bytes(content)
    return propose_source("my-orders", [path])


def written(tmp_path: Path, proposal: SourceProposal) -> tuple[SourceOptions, Contract]:
    """Both files as the project would load them."""
    folder = tmp_path / "defs" / "my-orders"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(proposal.component_yaml(), encoding="utf-8")
    (folder / "contract.py").write_text(proposal.contract_py(), encoding="utf-8")
    (component,) = read_component_files(tmp_path / "defs")
    contract = load_pandera_contract(AssetKey(proposal.asset), folder / "contract.py", proposal.class_name)
    return component.attributes.options(), contract  # type: ignore[union-attr]


def landed(tmp_path: Path, name: str, options: SourceOptions, contract: Contract) -> FileRead:
    """The sample read under the proposal: nothing of it may be refused or of another type."""
    path = tmp_path / name
    file = FileToRead(path, name, hashlib.sha256(path.read_bytes()).hexdigest())
    (read,) = read_files(contract.asset, [file], contract.columns, options, tmp_path / "o")
    assert (read.refused, read.rejected) == (None, ())
    import duckdb

    for column in contract.columns:
        predicate = untyped_predicate_sql(column.name, column.type)
        query = f"SELECT count(*) FILTER ({predicate}) FROM read_parquet('{tmp_path}/o/*.parquet')"
        assert duckdb.sql(query).fetchone() == (0,), column.name
    return read


def test_a_csv_file_becomes_a_component_and_a_contract_that_it_fits(tmp_path: Path) -> None:
    proposal = propose(tmp_path, "orders.csv", ORDERS)
    options, contract = written(tmp_path, proposal)
    assert {column.name: (column.type, column.nullable) for column in contract.columns} == {
        "order_id": ("BIGINT", False),
        "order_no": ("VARCHAR", False),
        "ordered": ("DATE", False),
        "at": ("TIMESTAMP WITH TIME ZONE", False),
        "amount": ("DOUBLE", False),
        "n": ("BIGINT", True),
        "paid": ("BOOLEAN", False),
        "zip": ("VARCHAR", False),
        "note": ("VARCHAR", True),
    }
    assert options.columns == {"order_no": '$["Order No"]'}
    assert options.pattern == ("**/*.csv",)
    assert (contract.grain, contract.closed) == (None, True)
    assert landed(tmp_path, "orders.csv", options, contract).n_written == 3


def test_what_the_sample_does_not_show_is_said(tmp_path: Path) -> None:
    proposal = propose(tmp_path, "orders.csv", ORDERS)
    said = "\n".join(proposal.unsure)
    for words in (
        "changes or a whole snapshot",
        "leading zeros",
        "'n/a'",
        "not exact",
        "personal data",
        "order_id does not repeat",
        "3 records",
    ):
        assert words in said
    assert proposal.grain == ("order_id",)
    assert "Not sure of:" in proposal.contract_py()


def test_nested_json_keeps_the_whole_record(tmp_path: Path) -> None:
    records = [
        {"meta": {"id": f"X-{n}", "state": "ok"}, "n": n, "tags": ["a"], "deep": {"a": {"b": {"c": 1}}}, "id": n}
        for n in range(5)
    ]
    content = gzip.compress("\n".join(map(json.dumps, records)).encode())
    proposal = propose(tmp_path, "records.ndjson.gz", content)
    options, contract = written(tmp_path, proposal)
    assert options.record_column == "record"
    assert options.columns == {"meta_id": "$.meta.id", "state": "$.meta.state"}
    assert [column.name for column in contract.columns] == ["meta_id", "state", "n", "id", "record"]
    assert options.pattern == ("**/*.ndjson.gz",)
    assert landed(tmp_path, "records.ndjson.gz", options, contract).n_written == 5
    assert rows_in(tmp_path / "o")[2]["meta_id"] == "X-2"


def test_parquet_is_proposed_from_its_values(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2], "b": [0.5, None], "c": ["x", "y"]}), buffer)
    proposal = propose(tmp_path, "t.parquet", buffer.getvalue())
    options, contract = written(tmp_path, proposal)
    assert [(c.name, c.type, c.nullable) for c in contract.columns] == [
        ("a", "BIGINT", False),
        ("b", "DOUBLE", True),
        ("c", "VARCHAR", False),
    ]
    assert landed(tmp_path, "t.parquet", options, contract).n_written == 2


def test_delimiter_and_encoding_are_written_down(tmp_path: Path) -> None:
    proposal = propose(tmp_path, "a.csv", "größe;x\n1,5;2\n2,5;3\n".encode("cp1252"))
    options, contract = written(tmp_path, proposal)
    assert (options.csv.delimiter, options.csv.encoding) == (";", "cp1252")
    assert "cp1252 is a guess" in "\n".join(proposal.unsure)
    assert landed(tmp_path, "a.csv", options, contract).n_written == 2


def test_an_ambiguous_delimiter_is_said(tmp_path: Path) -> None:
    said = "\n".join(propose(tmp_path, "a.csv", b"a,b;c\n1,2;3\n4,5;6\n").unsure)
    assert "which delimiter it uses: ',' and ';' would fit" in said


def test_a_file_without_a_telling_name_declares_its_format(tmp_path: Path) -> None:
    proposal = propose(tmp_path, "export", b'{"a":1}\n{"a":2}\n')
    options, contract = written(tmp_path, proposal)
    assert options.format is FileFormat.NDJSON
    assert landed(tmp_path, "export", options, contract).n_written == 2


@pytest.mark.parametrize(
    ("values", "type_", "doubt"),
    [
        (["1", "2.5"], "DOUBLE", "not exact"),
        (["1", '"2"'], "VARCHAR", "numbers in some records"),
        (['"1"', '"2"'], "BIGINT", "numbers written as text"),
        (["12345678901234567890123", "1"], "VARCHAR", "beyond 64 bits"),
        (['"2024-01-01"', '"2024-01-01T00:00:00"'], "VARCHAR", "more than one form"),
        (['"2024-01-01T00:00:00"', "null"], "TIMESTAMP", "without a zone"),
        (["0", "1"], "BIGINT", "yes or no"),
        (["null", "null"], "VARCHAR", "no value"),
        (['"x"', '{"y":1}'], "VARCHAR", "nested in others"),
    ],
)
def test_types_are_those_that_all_values_have(tmp_path: Path, values: list[str], type_: str, doubt: str) -> None:
    proposal = propose(tmp_path, "a.ndjson", "\n".join(f'{{"v":{value}}}' for value in values).encode())
    options, contract = written(tmp_path, proposal)
    assert contract.column("v").type == type_  # type: ignore[union-attr]
    assert any(item.startswith("column v:") and doubt in item for item in proposal.unsure)
    landed(tmp_path, "a.ndjson", options, contract)


def test_hostile_names_become_plain_ones(tmp_path: Path) -> None:
    keys = [
        "class",
        "validate",
        "record",
        "_line",
        "a b",
        "A B",
        'q"uote',
        "line\nbreak",
        "#{}",
        "ü",
        "1st",
        '"""',
        "{{ x }}",
        "\u2028",
    ]
    line = json.dumps(dict.fromkeys(keys, "x"))
    proposal = propose(tmp_path, "a.ndjson", f"{line}\n{line}\n".encode())
    ast.parse(proposal.contract_py())
    attributes = yaml.safe_load(proposal.component_yaml())["attributes"]
    options = SourceOptions.model_validate({key: attributes[key] for key in ("columns", "pattern")})
    names = [column.name for column in proposal.columns]
    assert len({name.lower() for name in names}) == len(names) == len(keys)
    assert all(name.isidentifier() and name.isascii() and not name.startswith("_") for name in names)
    got = read_files(
        "raw.x", [FileToRead(tmp_path / "a.ndjson", "a.ndjson", "0" * 64)],
        [*written_columns(proposal)], options, tmp_path / "o",
    )  # fmt: skip
    assert got[0].refused is None
    assert all(rows_in(tmp_path / "o")[0][name] == "x" for name in names)


def written_columns(proposal: SourceProposal) -> list[object]:
    from orchestrator_platform.records.contracts import Column

    return [Column(name=column.name, type=column.type) for column in proposal.columns]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", b"{"), ("a.csv", b""), ("a.csv", b"a,b\n"), ("a.parquet", b"PAR1"), ("a.ndjson.gz", b"\x1f\x8b\x08xx")],
)
def test_a_sample_that_shows_nothing_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(Misuse, match="cannot be sampled"):
        propose(tmp_path, name, content)


def test_samples_of_two_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    (tmp_path / "a.ndjson").write_bytes(b'{"a":1}\n')
    with pytest.raises(Misuse, match="A source has one format"):
        propose_source("x", [tmp_path / "a.csv", tmp_path / "a.ndjson"])
