"""Where in a project's files something is written: the file and line of a contract, a model, a check.

It looks the words up in the files themselves and runs nothing of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..audits.check_names import rule_check_names
from ..audits.dbt_checks import test_check_names
from ..audits.table_checks import ROWS_CHECK, SCHEMA_CHECK
from ..contracts.evaluate import key_rules
from ..contracts.places import class_place, field_place
from ..gate.context import Gate
from ..records.declarations import AssetDeclaration, DbtBuild, PythonBuild
from ..transforming.dbt_project import DbtTest

_SAID_AT = re.compile(r"^(?P<file>\S.*?\.(?:py|sql|yml|yaml|md)):(?P<line>\d+): ")
_NAMED = re.compile(r"""["'`]([A-Za-z_][\w.]*)["'`]""")


@dataclass(frozen=True)
class Written:
    """A file, below the project's folder where it is in it, and a line of it where one is known."""

    file: str = ""
    line: int | None = None


class Places:
    """Finds places in the files of one project; each YAML file is read once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._root = gate.settings.project.root
        self._documents: dict[Path, yaml.Node | None] = {}

    def of_asset(self, declaration: AssetDeclaration) -> Written:
        """Returns where the asset is made: its SQL, its function, its component."""
        if isinstance(declaration.build, PythonBuild):
            found = find_line(declaration.build.file, rf"^def {declaration.build.function}\b")
            return self._written(declaration.build.file, found)
        return self._at(declaration.origin)

    def of_contract(self, declaration: AssetDeclaration, columns: tuple[str, ...] = ()) -> Written:
        """Returns where the contract stands, at the first of the columns that is found."""
        if isinstance(declaration.build, DbtBuild):
            return self._in_yaml(declaration, columns)
        file, _, class_name = declaration.contract.origin.rpartition(":")
        if not file.endswith(".py"):
            return self._at(declaration.origin)
        for column in columns:
            place = field_place(Path(file), class_name, column)
            if place.line != class_place(Path(file), class_name).line:
                return self._written(Path(file), place.line)
        return self._written(Path(file), class_place(Path(file), class_name).line)

    def of_check(self, declaration: AssetDeclaration, check: str, message: str = "") -> Written:
        """Returns where the check is written; where the asset is made, for one that the platform adds."""
        for written in self._of_check(declaration, check, message):
            return written
        return self.of_asset(declaration)

    def of_failure(self, declaration: AssetDeclaration, message: str) -> Written:
        """Returns what a build's message names, else where in the code stands what it names."""
        said = _SAID_AT.match(message)
        if said is not None:
            return self._written(Path(said["file"]), int(said["line"]))
        made = self.of_asset(declaration)
        file = self._root / made.file
        for name in _NAMED.findall(message):
            line = find_line(file, rf"\b{re.escape(name)}\b")
            if line is not None:
                return Written(made.file, line)
        return made

    def written(self, file: str | Path, line: int | None = None) -> Written:
        """Returns the place with the file as a person in the project would name it."""
        return self._written(Path(file), line)

    def _of_check(self, declaration: AssetDeclaration, check: str, message: str) -> Iterator[Written]:
        contract = declaration.contract
        for free in declaration.checks:
            if free.name == check:
                yield self._written(free.file, find_line(free.file, rf"^def {free.function}\b") if free.function else 1)
        names = {name: rule for rule, name in rule_check_names(contract).items()}
        for rule in (*contract.rules, *key_rules(contract)):
            if rule.name == names.get(check):
                keyed = rule.name.startswith("grain (")
                yield self._grain(declaration, rule.columns) if keyed else self.of_contract(declaration, rule.columns)
        tests = self._gate.audit_plan(declaration.key).tests
        by_name = {name: unique_id for unique_id, name in test_check_names(tests).items()}
        for test in tests:
            if test.unique_id == by_name.get(check):
                yield self._test(declaration, test)
        if check == ROWS_CHECK:
            yield self._promise(declaration, "rows")
        if check == SCHEMA_CHECK:
            yield self.of_contract(declaration, tuple(c.name for c in contract.columns if f"{c.name}" in message))

    def _grain(self, declaration: AssetDeclaration, columns: tuple[str, ...]) -> Written:
        found = self._promise(declaration, "grain")
        return found if found.line is not None else self.of_contract(declaration, columns)

    def _promise(self, declaration: AssetDeclaration, word: str) -> Written:
        if isinstance(declaration.build, DbtBuild):
            return self._in_yaml(declaration, (), word)
        contract = self.of_contract(declaration)
        line = find_line(self._root / contract.file, rf"""["']{word}["']""", after=contract.line or 0)
        return Written(contract.file, line or contract.line)

    def _test(self, declaration: AssetDeclaration, test: DbtTest) -> Written:
        # A name that dbt makes of a long list is longer than a file's may be: files are asked for theirs.
        files = (self._gate.dbt.root / "tests").rglob("*.sql")
        free = next((file for file in files if file.stem == test.name), None)
        if free is not None:
            return self._written(free, 1)
        owner = self._gate.assets.get(test.attached, declaration)
        named = [column.name for column in owner.contract.columns if f"_{column.name}" in test.name]
        return self._in_yaml(owner, tuple(sorted(named, key=len, reverse=True)))

    def _in_yaml(self, declaration: AssetDeclaration, columns: tuple[str, ...], word: str = "") -> Written:
        node = next((node for node in self._gate.dbt.nodes if node.key == declaration.key), None)
        patch = str((node.raw if node else {}).get("patch_path") or "").split("://")[-1]
        if node is None or not patch:
            return self._at(declaration.origin)
        file = self._gate.dbt.root / patch
        model = _named(self._document(file), "models", node.raw["name"]) or _named(
            self._document(file), "snapshots", node.raw["name"]
        )
        if model is None:
            return self._written(file)
        for column in columns:
            entry = _named(model, "columns", column)
            if entry is not None:
                return self._written(file, entry.start_mark.line + 1)
        found = _key_line(model, word) if word else None
        return self._written(file, found or model.start_mark.line + 1)

    def _document(self, file: Path) -> yaml.Node | None:
        if file not in self._documents:
            try:
                self._documents[file] = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
            except (OSError, yaml.YAMLError, UnicodeDecodeError):
                self._documents[file] = None
        return self._documents[file]

    def _at(self, origin: str) -> Written:
        file, _, line = origin.rpartition(":")
        return self._written(Path(file), int(line)) if line.isdigit() else self._written(Path(origin))

    def _written(self, file: Path, line: int | None = None) -> Written:
        inside = file.is_absolute() and file.is_relative_to(self._root)
        return Written(str(file.relative_to(self._root) if inside else file), line)


def find_line(file: Path, pattern: str, after: int = 0) -> int | None:
    """Returns the number of the first line, behind `after`, in which the pattern is found."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = (number for number, text in enumerate(lines, 1) if number > after and re.search(pattern, text))
    return next(found, None)


def _named(node: yaml.Node | None, key: str, name: str) -> yaml.Node | None:
    """The entry of that name in the list under a key."""
    listed = _value(node, key)
    entries: list[yaml.Node] = listed.value if isinstance(listed, yaml.SequenceNode) else []
    named = ((entry, _value(entry, "name")) for entry in entries)
    return next((entry for entry, value in named if value is not None and value.value == name), None)


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _key_line(node: yaml.Node, word: str) -> int | None:
    """The line of a key, however deep below the node."""
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == word:
            return int(name.start_mark.line) + 1
        found = _key_line(value, word)
        if found is not None:
            return found
    return None
