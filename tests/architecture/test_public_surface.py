"""The names that others may rely on, and the error tree as it is drawn."""

import re

import orchestrator_platform
from orchestrator_platform import components, errors
from orchestrator_platform.errors import Fault, Misuse, OrchestratorError, Refusal


def family(parent: type[OrchestratorError]) -> dict[str, dict[str, object]]:
    return {
        child.__name__: family(child)
        for child in parent.__subclasses__()
        if child.__module__.startswith(f"{errors.__name__}.")
    }


def members(parent: type[OrchestratorError]) -> list[type[OrchestratorError]]:
    return [parent, *(found for child in parent.__subclasses__() for found in members(child))]


def drawn(docstring: str) -> dict[str, list[str]]:
    """Returns the branches of the tree with the names below them."""
    tree: dict[str, list[str]] = {}
    branch = ""
    for prefix, name in re.findall(r"^([│ ]*[├└]── )(\w+)", docstring, re.MULTILINE):
        if len(prefix) == 4:
            branch = name
            tree[branch] = []
        else:
            tree[branch].append(name)
    return tree


def test_the_package_exports_what_a_projects_own_code_needs() -> None:
    assert sorted(orchestrator_platform.__all__) == ["GatedIOManager", "Platform", "gated", "python_table"]
    assert all(hasattr(orchestrator_platform, name) for name in orchestrator_platform.__all__)


def test_the_components_are_those_that_yaml_may_name() -> None:
    assert sorted(components.__all__) == [
        "AlertsComponent",
        "DbtTablesComponent",
        "EmbeddingComponent",
        "FeaturesComponent",
        "LedgerComponent",
        "ModelComponent",
        "MonitorComponent",
        "PythonTableComponent",
        "RoutingComponent",
        "ScoresComponent",
        "SourceComponent",
    ]


def test_the_error_tree_is_the_one_drawn() -> None:
    tree = drawn(errors.__doc__ or "")
    for branch in (Misuse, Refusal, Fault):
        assert sorted(tree[branch.__name__]) == sorted(cls.__name__ for cls in members(branch)[1:])
    assert set(family(OrchestratorError)) == set(tree) == {"Misuse", "Refusal", "Fault"}


def test_a_class_that_is_not_drawn_is_noticed() -> None:
    assert drawn("OrchestratorError\n├── Misuse  wrong\n│   └── A\n└── Fault\n    └── B\n") == {
        "Misuse": ["A"],
        "Fault": ["B"],
    }


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in members(OrchestratorError)]
    assert len(codes) == len(set(codes))
