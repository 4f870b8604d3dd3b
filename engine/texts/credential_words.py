"""Credentials in people's words: `user:piket-pagi` is "pengguna piket-pagi", `os:root` is "akun mesin root"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.alerting.alert import Notification
from engine.texts.catalogue import Texts
from engine.texts.localizer import Localizer


def credential_words(
    by: str,
    texts: Texts,
    labels: Mapping[str, str] | None = None,
    offices: Mapping[str, str] | None = None,
) -> str:
    """Return the words for a credential as history and audit hold it.

    `labels` are those of tokens, by their id. `offices` are those whose link or phone a credential is, by the
    credential; without them a link is named by its message and a phone by its contact.
    """
    kind, colon, id_ = by.partition(":")
    key = f"credential.{kind}"
    if not by:
        return texts["credential.none"]
    if not colon or key not in texts:
        return by
    office = (offices or {}).get(by, "")
    if office and kind in ("link", "phone"):
        return texts(f"credential.{kind}.of", office=office)
    if kind == "service":
        return texts(key, id=texts[named] if (named := f"credential.service.{id_}") in texts else id_)
    label = (labels or {}).get(id_, "") if kind == "token" else ""
    return texts("credential.token.labelled", label=label, id=id_) if label else texts(key, id=id_)


def offices_of(notifications: Iterable[Notification], voice: Localizer) -> dict[str, str]:
    """Return the offices whose link or phone a credential of an alert is, by the credential."""
    found: dict[str, str] = {}
    for one in notifications:
        if one.role:
            office = voice.office(one.role, one.office, one.status)
            found |= {f"link:{one.id}": office, f"phone:{one.contact}": office}
    return found


def tokens_among(credentials: Iterable[str]) -> list[str]:
    """Return the ids of the tokens among credentials, each once."""
    found = (by.removeprefix("token:") for by in credentials if by.startswith("token:"))
    return list(dict.fromkeys(found))
