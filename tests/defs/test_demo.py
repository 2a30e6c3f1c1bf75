"""The story that `make demo` tells, on a small feed: every chapter is told, and it ends as it should."""

import re
from pathlib import Path

import pytest

from orchestrator_platform.defs.demo import main
from orchestrator_platform.operations.platform import Platform


def test_the_story_goes_as_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "demo"
    assert main(["--home", str(home), "--records", "120"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    chapters = [line for line in told.out.splitlines() if line[:1].isdigit()]
    assert [chapter.partition(":")[0].split(",")[0] for chapter in chapters] == [
        "1. First build",
        "2. The same again",
        "3. One new batch",
        "4. A bad batch",
        "5. Asked by meaning and by words",
    ]
    assert re.search(r"\b1\d tables are up to date", told.out)
    assert told.out.count("models wait: only a person starts a training") == 3
    assert "models.exploitation" not in told.out
    assert len(re.findall(r"^    0\.\d\d  CVE-\S+  \S", told.out, re.MULTILINE)) == 3
    assert "what was published still answers" in told.out
    assert f"export ORCHESTRATOR_HOME={home}" in told.out
    assert_intake_accounts_for_what_landed(home)


def assert_intake_accounts_for_what_landed(home: Path) -> None:
    """Every record and every rejected row is counted on its day, and a CVE is new once."""
    relations = Platform.open(home, Path(__file__).parents[2]).at()
    intake = relations.read("marts.daily_intake").sum("n_records"), relations.read("marts.daily_intake").sum("n_new")
    records = relations.read("staging.stg_cve_record")
    assert [item.fetchall() for item in intake] == [
        records.aggregate("count(*)").fetchall(),
        records.aggregate("count(DISTINCT cve_id)").fetchall(),
    ]
    files = relations.read("raw.landed_file").filter("source = 'vulnrichment'")
    rejected = relations.read("marts.daily_intake").sum("n_rejected").fetchall()
    assert rejected == files.sum("n_quarantined").fetchall() != [(0,)]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(SystemExit, match="holds something else than a demo"):
        main(["--home", str(tmp_path), "--records", "120"])
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "keep me"
