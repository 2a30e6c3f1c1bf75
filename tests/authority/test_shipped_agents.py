"""The agent files that ship, and the page about them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_platform.authority.acts import Act
from orchestrator_platform.authority.agent_files import Invocation, Principal, load_agent_files
from orchestrator_platform.authority.lint import lint_agents
from orchestrator_platform.authority.permissions import Permission, permission
from orchestrator_platform.authority.seats import Seats, take_seats
from orchestrator_platform.authority.selections import Selectable
from orchestrator_platform.records.keys import AgentName, AssetKey

ROOT = Path(__file__).resolve().parents[2]
RAW, STAGING, MART = AssetKey("raw.kev"), AssetKey("staging.kev"), AssetKey("marts.triage")
VECTORS, FEATURES = AssetKey("embeddings.advisory"), AssetKey("features.vulnerability")
MODEL, OTHER_MODEL = AssetKey("models.exploitation"), AssetKey("models.automatable")
MONITOR = AssetKey("monitoring.exploitation")
ASSETS = (
    Selectable(RAW, "raw", ("csv",)),
    Selectable(STAGING, "staging", ("dbt",), (RAW,)),
    Selectable(MART, "marts", ("dbt",), (STAGING,)),
    Selectable(VECTORS, "embeddings", ("embedding",), (MART,)),
    Selectable(FEATURES, "features", ("table",), (RAW,)),
    Selectable(MODEL, "models", ("model",), (FEATURES,)),
    Selectable(OTHER_MODEL, "models", ("model",), (FEATURES,)),
    Selectable(MONITOR, "monitoring", ("monitor",), (MODEL, FEATURES)),
)


def shipped() -> dict[str, Principal]:
    return {principal.name: principal for principal in load_agent_files(ROOT / "agents")}


def test_the_eight_agents_load_and_take_the_seats_of_tables() -> None:
    assert set(shipped()) == {
        "orchestrator",
        "data-engineer",
        "data-orchestrator",
        "ml-pipeline-manager",
        "ai-orchestration-specialist",
        "quality-assurance",
        "model-validator",
        "context-manager",
    }
    expected = dict.fromkeys(
        (MART, RAW, STAGING, FEATURES), Seats(AgentName("data-engineer"), AgentName("quality-assurance"))
    )
    expected[VECTORS] = Seats(AgentName("data-orchestrator"), AgentName("quality-assurance"))
    validator = AgentName("model-validator")
    expected |= dict.fromkeys((MODEL, OTHER_MODEL), Seats(AgentName("ml-pipeline-manager"), validator))
    expected[MONITOR] = Seats(AgentName("ai-orchestration-specialist"), validator)
    assert dict(take_seats(tuple(shipped().values()), ASSETS)) == expected


@pytest.mark.parametrize("assets", [(), ASSETS[2:], ASSETS[1::2], ASSETS])
def test_they_load_whichever_of_the_shipped_tables_exist(assets: tuple[Selectable, ...]) -> None:
    assert lint_agents(ROOT / "agents", assets) == ()


def test_the_seated_agents_can_carry_a_table_through_the_gate() -> None:
    agents = shipped()
    seats = take_seats(tuple(agents.values()), ASSETS)
    for act in (Act.LAND, Act.BUILD, Act.PUBLISH, Act.REPLAY):
        assert permission(agents["data-engineer"], act, MART, seats) is Permission.ALLOWED
    for act in (Act.AUDIT, Act.QUARANTINE):
        assert permission(agents["quality-assurance"], act, MART, seats) is Permission.ALLOWED


def test_no_other_agent_touches_a_table() -> None:
    agents = shipped()
    seats = take_seats(tuple(agents.values()), ASSETS)
    for name in set(agents) - {"data-engineer", "quality-assurance"}:
        for act in (Act.LAND, Act.BUILD, Act.AUDIT, Act.PUBLISH, Act.ROLLBACK, Act.DISCARD):
            assert permission(agents[name], act, MART, seats) is Permission.FORBIDDEN


def test_all_forbid_themselves_to_approve_and_only_training_is_manual() -> None:
    agents = shipped().values()
    assert all(Act.APPROVE in agent.never for agent in agents)
    assert [agent.name for agent in agents if agent.invocation is Invocation.MANUAL] == ["ml-pipeline-manager"]


def test_each_prompt_says_what_the_agent_is_for_reads_decides_never_does_and_reports() -> None:
    headings = ["What you are for", "Read first", "How you decide", "What you never do", "What you report"]
    for agent in shipped().values():
        assert re.findall(r"^# (.+)$", agent.prompt, re.MULTILINE) == headings, agent.name
        assert 20 <= agent.prompt.count("\n") + 1 <= 40, agent.name


def test_the_example_in_the_documentation_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```markdown\n(.*?)```", (ROOT / "docs" / "agents.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "invoice-keeper.md").write_text(example, encoding="utf-8")
    (principal,) = load_agent_files(tmp_path)
    assert principal.produces == ("group:invoices", 'key:"marts/invoice_*"')


def test_the_documentation_lists_every_act_as_the_code_knows_it() -> None:
    page = (ROOT / "docs" / "agents.md").read_text("utf-8")
    listed = re.findall(r"^\| `([a-z]+)` \| ([a-z' ]+) \| (.+) \|$", page, re.MULTILINE)
    assert listed == [(act.value, act.needs.value, act.meaning) for act in Act]


def test_every_selection_in_the_documentation_is_understood() -> None:
    from orchestrator_platform.authority.selection_syntax import parse_selection

    page = (ROOT / "docs" / "agents.md").read_text("utf-8").split("## Selections")[1].split("## Seats")[0]
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    shown = [one for row in rows for one in re.findall(r"`([^`]+)`", row)]
    assert len(shown) >= 15
    for one in shown:
        parse_selection(re.sub(r"\b([ab])\b", r"group:\1", one).replace("…", "*"))


def test_agents_are_read_without_loading_dagster_or_a_data_library() -> None:
    code = "import orchestrator_platform.authority.lint, orchestrator_platform.authority.permissions, sys;"
    code += "print(*sorted({'dagster', 'dbt', 'duckdb', 'pandas', 'polars', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""
