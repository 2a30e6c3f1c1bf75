"""What only a person runs breaks unseen: every benchmark still finds what it measures."""

import importlib
import pkgutil

import benchmarks


def test_every_benchmark_finds_what_it_imports() -> None:
    # What is below `plain` is loaded by other tools, in environments of their own.
    names = [module.name for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.")]
    ours = [name for name in names if not name.startswith("benchmarks.plain.")]
    assert "benchmarks.search_quality" in ours
    for name in ours:
        importlib.import_module(name)
