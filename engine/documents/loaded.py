"""What comes out of loading files: a value and everything there is to say about it.

Here: the pair of both, and reading one whole file. Not here: what the value is (`documents.rules.rules`, `.policies`,
...).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from engine.documents.fields import Form, form_of, whole
from engine.documents.finding import Finding, Findings, UnusableError
from engine.documents.yaml_tree import MAX_BYTES, Node, compose_file
from engine.errors import ConfigurationError

T = TypeVar("T")


class Loaded(msgspec.Struct, Generic[T], frozen=True):
    """A value and its findings. Where one of them is an error the value is empty: all of it is valid or nothing is."""

    value: T
    findings: tuple[Finding, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the value may become live."""
        return not any(finding.severity == "error" for finding in self.findings)

    def expect(self) -> T:
        """Return the value; raise `ConfigurationError` with every error, among which no advice stands."""
        errors = [finding.format("en") for finding in self.findings if finding.severity == "error"]
        if errors:
            raise ConfigurationError("\n".join(errors))
        return self.value


def loaded(value: T, empty: T, findings: Findings) -> Loaded[T]:
    """Return the value with its findings, or the empty one where there are errors."""
    return Loaded(empty if findings.errors else value, tuple(findings))


def load_file(
    path: Path,
    read: Callable[[Form, Findings], T],
    empty: T,
    *,
    limit: int = MAX_BYTES,
    private: bool = False,
) -> Loaded[T]:
    """Load a file of `version: 1` that one form describes. Lines of a `private` file are never quoted."""
    findings = Findings()
    node = compose_file(path, findings, limit, private=private)
    if node is None:
        return loaded(empty, empty, findings)
    return load_node(node, read, empty, findings)


def load_node(node: Node, read: Callable[[Form, Findings], T], empty: T, findings: Findings) -> Loaded[T]:
    """Load the node of a whole file."""
    try:
        form = form_of(node, findings)
        form.require("version", whole(1, 1), 1)
        value = read(form, findings)
        form.close()
    except UnusableError:
        return loaded(empty, empty, findings)
    return loaded(value, empty, findings)
