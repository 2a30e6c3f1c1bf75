"""What a branch would do, as Markdown for a comment on a pull request: the verdict, what is wrong, what changes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .diff_markdown import code, markdown_lines, markdown_table
from .text import count, plural, visible

if TYPE_CHECKING:
    from ..records.checked import Case
    from ..records.ci import AssetReport, CiReport, Metric
    from ..records.diffs import TableDiff

_SHOWN = 20
_MARKS = {"failed": "❌", "allowed": "⚠️", "warned": "⚠️", "passed": "✅", "skipped": "⏭️"}


def ci_markdown(report: "CiReport") -> Iterator[str]:
    """Yields the lines of the comment."""
    yield f"## {'❌ Rejected' if report.is_no else '✅ Approved'}: {_summary(report)}"
    yield ""
    at = f" at snapshot {report.snapshot}" if report.snapshot is not None else ""
    yield f"Built and audited over {code(report.lake)}{at} in {report.seconds:.1f} s. Nothing was published there."
    yield from _cases("What is wrong", [case for case in report.all_cases if case.state == "failed"])
    yield from _assets(report.assets)
    yield from _promises(report.assets)
    yield from _metrics(report.assets)
    yield from _cases("Remarks", [case for case in report.all_cases if case.state in {"warned", "allowed"}])
    yield from _notes(report)
    yield from _details(report.assets)


def _summary(report: "CiReport") -> str:
    if not report.changes and not report.is_no:
        return "nothing that is published would change"
    failed = sum(case.state == "failed" for case in report.all_cases)
    said = f"{plural(len(report.changes), 'asset')} changed, {plural(len(report.all_cases), 'check')}"
    return f"{said}, {failed} failed" if failed else said


def _cases(title: str, cases: "Sequence[Case]") -> Iterator[str]:
    if not cases:
        return
    yield f"\n### {title}"
    rows = [
        (
            _MARKS[case.state],
            code(case.subject),
            code(case.check),
            code(case.place) if case.place else "",
            _plain(case.message),
        )
        for case in cases[:_SHOWN]
    ]
    yield from markdown_table(("", "asset", "check", "where", "what"), rows)
    if len(cases) > _SHOWN:
        yield f"\nand {len(cases) - _SHOWN} more."


def _assets(reports: "Sequence[AssetReport]") -> Iterator[str]:
    if not reports:
        return
    yield "\n### What would become of it"
    rows = [
        (
            "❌" if report.is_no else "✅",
            code(report.asset),
            ", ".join(report.changed) or f"made of {', '.join(map(code, report.because_of))}",
            report.outcome,
            rows_said(report),
            _plain(columns_said(report.diff)),
            ", ".join(code(asset) for asset in report.downstream) or "–",
        )
        for report in reports
    ]
    headers = ("", "asset", "changed", "outcome", "rows", "columns", "downstream")
    yield from markdown_table(headers, rows)


def rows_said(report: "AssetReport") -> str:
    """Returns how many rows there would be, and how many came, went and changed."""
    diff = report.diff
    if diff is None:
        return report.rows or "–"
    changes = (("+", diff.n_added), ("−", diff.n_removed), ("~", diff.n_changed))
    moved = " ".join(f"{sign}{count(number)}" for sign, number in changes if number)
    return f"{count(diff.before.n_rows)} → {count(diff.after.n_rows)}" + (f" ({moved})" if moved else "")


def columns_said(diff: "TableDiff | None") -> str:
    """Returns which columns would be added, dropped or retyped."""
    said = [
        f"{change.column} {change.verb}" + (f" {change.before} → {change.after}" if change.verb == "retyped" else "")
        for change in (diff.schema_changes if diff is not None else ())
    ]
    return ", ".join(said) or "–"


def _promises(reports: "Sequence[AssetReport]") -> Iterator[str]:
    rows = [
        ("⚠️ looser" if promise.direction == "looser" else "stricter", code(report.asset), _plain(promise.said))
        for report in reports
        for promise in report.promises
    ]
    if rows:
        yield "\n### Contracts"
        yield from markdown_table(("", "asset", "promise"), rows)


def _metrics(reports: "Sequence[AssetReport]") -> Iterator[str]:
    rows = [
        (
            code(report.asset),
            code(metric.name),
            _number(metric.before),
            _number(metric.after),
            _change(metric),
            _number(metric.limit),
        )
        for report in reports
        for metric in report.metrics
        if metric.before != metric.after
    ]
    if rows:
        yield "\n### Measures"
        yield from markdown_table(("asset", "measure", "serves", "branch", "change", "limit"), rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _change(metric: "Metric") -> str:
    return "–" if metric.before is None or metric.after is None else f"{metric.after - metric.before:+.4f}"


def _notes(report: "CiReport") -> Iterator[str]:
    notes = [*report.notes, *(f"{code(item.asset)}: {_plain(note)}" for item in report.assets for note in item.notes)]
    if notes:
        yield ""
        yield from (f"- {note}" for note in notes)


def _details(reports: "Sequence[AssetReport]") -> Iterator[str]:
    """Rows for those who open them: a comment is read by its first screen."""
    for report in reports:
        if report.diff is not None and not report.diff.is_empty:
            yield f"\n<details><summary>Rows of {report.asset}</summary>\n"
            yield from markdown_lines(report.diff)
            yield "\n</details>"


def _plain(text: str) -> str:
    """A message in a cell: nothing in it is Markdown, HTML, a mention or the end of the cell."""
    shown = visible(" ".join(text.split()))
    for sign, told in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("@", "&#64;")):
        shown = shown.replace(sign, told)
    return "".join(f"\\{char}" if char in "*[]#" else char for char in shown)
