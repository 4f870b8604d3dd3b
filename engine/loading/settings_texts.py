"""Settings that a policy test overrides, by their dotted names, as the text that the command line would have.

Here: reading them from marked YAML. Not here: which settings there are and what they mean (`engine.settings`).
"""

from __future__ import annotations

from collections.abc import Collection

from engine.loading.finding import Findings
from engine.loading.form import form_of, list_of
from engine.loading.marked import Node, ScalarNode
from engine.loading.value import scalar


def settings_texts(known: Collection[str] | None, node: Node, findings: Findings) -> dict[str, str]:
    """Take settings by their dotted names; one that this version does not have is refused by its name."""
    form = form_of(node, findings)
    settings: dict[str, str] = {}
    for key in form.written:
        value = form.node(key)
        if known is not None and key not in known:
            findings.add("not_available", form.key_place(key), word=key)
        elif value is not None:
            settings[key] = _setting(value, findings)
    return settings


def _setting(node: Node, findings: Findings) -> str:
    """Return the text of a setting: a list of texts, or of budgets such as `{at_most: 5, within: 15m}`, with commas."""
    if isinstance(node, ScalarNode):
        return node.text
    return ",".join(list_of(_setting_item)(node, findings))


def _setting_item(node: Node, findings: Findings) -> str:
    if isinstance(node, ScalarNode):
        return node.text
    form = form_of(node, findings)
    texts = {
        key: scalar(found, findings).text for key in form.written if (found := form.node(key)) is not None
    }
    allowance = f"{texts.pop('at_most', '')}/{texts.pop('within', '')}"
    smooth = " smooth" if texts.pop("smooth", "") == "true" else ""
    form.close()
    return allowance + smooth
