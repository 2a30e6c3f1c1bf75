import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "orchestrator_platform"

LAYERS = (
    ("records", "errors", "settings", "home_format", "python_file", "sql", "storage", "http_answers"),
    ("authority", "lake", "contracts", "learning", "pulling", "reading", "transforming"),
    ("audits",),
    ("gate", "projections"),
    ("operations",),
    ("components",),
    ("definitions", "cli", "defs", "__init__"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
STAGES = (
    "land",
    "build",
    "candidate",
    "audit",
    "publish",
    "quarantine",
    "rollback",
    "release",
    "replay",
    "upkeep",
    "embed",
    "train",
    "score",
)


def modules() -> Iterator[tuple[str, Path]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).with_suffix("").as_posix(), file


def imported(module: str, file: Path) -> Iterator[str]:
    """Yields the modules of this package that a file imports, as paths below the package."""
    here = module.split("/")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - node.level]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                yield from ("/".join([*base, *name.split(".")]) for name in names)
            elif node.module and node.module.split(".")[0] == PACKAGE.name:
                yield "/".join(node.module.split(".")[1:])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE.name:
                    yield "/".join(alias.name.split(".")[1:])


def wrong_imports(module: str, targets: Iterator[str]) -> Iterator[str]:
    top = module.split("/", maxsplit=1)[0]
    for target in targets:
        other = target.split("/")[0]
        if other in ("", top):
            continue
        same_level = LEVEL[other] == LEVEL[top] and LEVEL[top] not in (0, len(LAYERS) - 1)
        if LEVEL[other] > LEVEL[top] or same_level:
            yield f"{module} imports {target}"


def test_imports_point_one_way() -> None:
    wrong = [text for module, file in modules() for text in wrong_imports(module, imported(module, file))]
    assert wrong == []


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {module.split("/")[0] for module, _ in modules()} <= set(LEVEL)


@pytest.mark.parametrize(
    ("module", "target"),
    [("lake/writer", "gate/publish"), ("audits/drift", "gate/context"), ("lake/writer", "contracts/evaluate")],
)
def test_an_import_against_the_order_is_noticed(module: str, target: str) -> None:
    assert list(wrong_imports(module, iter([target])))


def test_the_stages_of_the_gate_do_not_import_each_other() -> None:
    wrong = [
        f"{stage} imports {target}"
        for stage in STAGES
        for target in imported(f"gate/{stage}", PACKAGE / "gate" / f"{stage}.py")
        if target.startswith("gate/") and target.split("/")[1] in STAGES
    ]
    assert wrong == []


def test_only_the_gates_cycle_puts_stages_in_order() -> None:
    def callers(stage: str) -> set[str]:
        outside = ((module, file) for module, file in modules() if module.split("/")[:2] != ["gate", "cycle"])
        return {module for module, file in outside if stage in imported(module, file)}

    readers = {f"operations/{name}" for name in ("records_of", "audit", "candidates", "home_checks")}
    assert callers("gate/publish") == set()
    # The self-test closes candidates in a scratch folder, has them judged, and throws them away.
    assert callers("gate/candidate") <= readers | {"operations/proposals"}


def test_only_the_gate_writes_to_the_lake() -> None:
    """The writer commits; the gate publishes, rolls back, names, compacts, frees; nobody else can have a connection."""
    users = {
        module
        for module, file in modules()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id in {"open_writer", "LakeWriter"}
    }
    gate = {"gate/publish", "gate/rollback", "gate/release", "gate/compact", "gate/upkeep"}
    assert users == {"lake/writer", "lake/published", *gate}


def test_only_the_writer_attaches_the_lake_writable() -> None:
    attaching = {module for module, file in modules() if "META_JOURNAL_MODE" in file.read_text(encoding="utf-8")}
    assert attaching == {"lake/writer"}


def test_only_settings_reads_the_environment() -> None:
    readers = {
        module
        for module, file in modules()
        if any(word in file.read_text(encoding="utf-8") for word in ("os.environ", "os.getenv"))
    }
    allowed = {
        "settings",
        "transforming/dbt_project",  # env_var() of dbt is part of what parsing depends on
        "operations/dev",  # hands its environment to the child
        "reading/read_files",
        "projections/mlflow_registry/connection",  # tells a library to send no telemetry, before it is imported
    }
    assert readers <= allowed


def test_the_platform_knows_nothing_of_the_shipped_domain() -> None:
    words = {"cve", "cisa", "kev", "vulnrichment", "ssvc"}
    found = [
        f"{module}: {word}"
        for module, file in modules()
        if not module.startswith("defs/")
        for word in re.findall(r"[a-z]+", file.read_text(encoding="utf-8").lower())
        if word in words
    ]
    assert found == []
