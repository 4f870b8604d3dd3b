"""Credentials in people's words: `user:piket-pagi` is "pengguna piket-pagi", `os:root` is "akun mesin root"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.wording.texts import Texts


def credential_words(by: str, texts: Texts, labels: Mapping[str, str] | None = None) -> str:
    """Return the words for a credential as history and audit hold it; `labels` are those of tokens, by their id."""
    kind, colon, id_ = by.partition(":")
    key = f"credential.{kind}"
    if not by:
        return texts["credential.none"]
    if not colon or key not in texts:
        return by
    label = (labels or {}).get(id_, "") if kind == "token" else ""
    return texts("credential.token.labelled", label=label, id=id_) if label else texts(key, id=id_)


def tokens_among(credentials: Iterable[str]) -> list[str]:
    """Return the ids of the tokens among credentials, each once."""
    found = (by.removeprefix("token:") for by in credentials if by.startswith("token:"))
    return list(dict.fromkeys(found))
