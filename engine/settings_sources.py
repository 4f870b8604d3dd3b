"""The three sources of settings: the file, the environment and the command line, each as text with its origin.

Here: reading YAML, variables and `--set` into (dotted name, text, origin), and nesting them. Not here: which settings
there are and what their values mean (`engine.settings`). Values stay text, so that plain YAML's traps (`10:00` is 600,
`no` is false) do not exist here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from engine.errors import ConfigurationError

PREFIX = "SIAGA_"
"""Environment variables with this prefix and a double underscore (or a top-level name) are settings."""
FILE_BYTES = 1_048_576
"""A larger settings file is a mistake."""
DEPTH = 8

SettingEntry = tuple[str, Any, str]
"""Dotted name, text (None: nothing; a list of texts or of maps of them), and where it stands."""


def from_file(file: Path) -> Iterator[SettingEntry]:
    """Read a YAML file; raise `ConfigurationError` naming the line where it is not a map of settings."""
    try:
        if file.stat().st_size > FILE_BYTES:
            raise ConfigurationError(f"{file}: larger than {FILE_BYTES} bytes")
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: cannot be read ({error.strerror}); name another with --config"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{file}:{line}: {error.problem or 'is not YAML'}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: is not YAML ({error})") from None
    if root is not None:
        yield from _walk(file, root, "", 0)


def _walk(file: Path, node: yaml.Node, prefix: str, depth: int) -> Iterator[SettingEntry]:
    if not isinstance(node, yaml.MappingNode) or depth > DEPTH:
        raise ConfigurationError(
            f"{file}:{node.start_mark.line + 1}: {prefix or 'the file'} must be a map of settings"
        )
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = f"{prefix}.{key.value}" if prefix else str(key.value)
        if name in seen:
            raise ConfigurationError(f"{file}:{line}: {name} stands here twice")
        seen.add(name)
        if isinstance(value, yaml.MappingNode):
            yield from _walk(file, value, name, depth + 1)
        elif isinstance(value, yaml.SequenceNode):
            yield name, [_item(item) for item in value.value], f"{file}:{line}"
        else:
            null = value.tag == "tag:yaml.org,2002:null"
            yield name, None if null else value.value, f"{file}:{line}"


def _item(node: yaml.Node) -> object:
    """Return an item of a list: its text, or a map of texts."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): str(value.value) for key, value in node.value}
    return str(node.value)


def from_environment(environment: Mapping[str, str], known: Iterable[str]) -> Iterator[SettingEntry]:
    """Read variables with `__` and those of a top-level setting; SIAGA_KEY and passwords are not settings."""
    top = {name for name in known if "." not in name}
    for variable, text in sorted(environment.items()):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and ("__" in name or name in top):
            yield name.replace("__", "."), text or None, variable


def from_overrides(overrides: Sequence[str]) -> Iterator[SettingEntry]:
    """Read `section.name=value` of the command line."""
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {override}: write it as --set http.port=9000")
        yield name.strip(), text or None, f"--set {name.strip()}"


def nested(texts: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Nest dotted names. Every known section is there, so that its defaults are validated like any other value."""
    tree: dict[str, Any] = {}
    for name in known:
        _section_of(tree, name)
    for name, value in texts.items():
        section = _section_of(tree, name)
        last = name.rpartition(".")[2]
        if value is not None or not isinstance(section.get(last), dict):
            section[last] = value
    return tree


def _section_of(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the map in which the last part of a dotted name belongs."""
    for part in name.split(".")[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    return tree
