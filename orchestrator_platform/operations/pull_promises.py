"""What is wrong with where a source pulls from is said when the project loads, with file and line."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import DefinitionError
from ..pulling.arriving import landed_prefix
from ..pulling.commit_files import Naming
from ..reading.landing_files import matches_pattern
from ..records.pulls import GitPull, HttpPull
from .component_files import ComponentFile, SourceAttributes

_SAMPLE = landed_prefix(datetime(2000, 1, 1, tzinfo=UTC), "0" * 8)


def required_pull(component: ComponentFile, attributes: SourceAttributes) -> HttpPull | GitPull | None:
    """Returns where the source pulls from, `None` where it does not.

    Raises:
        DefinitionError: What it brings would wait in landing for ever, because the source's pattern does not fit it.
    """
    options = attributes.pull
    if options is None:
        return None
    names = list(_names(options, attributes.pattern))
    if not _is_open(options) and not any(matches_pattern(name, attributes.pattern) for name in names):
        raise DefinitionError(
            file=component.file,
            line=component.line_of("pull"),
            problem=f"`pull` brings files such as {names[0]}, and `pattern` fits none of them",
            fix='Widen `pattern`, for example to ["**/*"], or give the file another name.',
        )
    return options


def _is_open(options: HttpPull | GitPull) -> bool:
    """Whether files of any name may come; those that fit no pattern are counted then, and land nothing."""
    return isinstance(options, GitPull) and any(glob.endswith("*") for glob in options.files)


def _names(options: HttpPull | GitPull, pattern: tuple[str, ...]) -> Iterator[str]:
    if isinstance(options, HttpPull):
        yield f"{_SAMPLE}-{options.file_name}"
        return
    naming = Naming(_SAMPLE, lambda name: matches_pattern(name, pattern))
    yield naming.records or f"{_SAMPLE}.ndjson.gz"
    for glob in options.files:
        yield f"{_SAMPLE}-{glob.rsplit('/', 1)[-1].replace('*', 'x').replace('?', 'x')}"
