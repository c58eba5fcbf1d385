"""Stored sentences in the language of who reads them."""

import re
from functools import cache

from django.utils.translation import get_language, gettext, gettext_noop

from portal.scans.sentences import SENTENCES

#: Words that are filled into sentences and have a translation.
FILLED_IN = (gettext_noop("right"), gettext_noop("left"))


def said(text: str) -> str:
    """A sentence that was stored in English, in the reader's language; as it was stored where that is not known."""
    if (get_language() or "en").startswith("en"):
        return text
    for pattern, sentence in _patterns():
        if found := pattern.fullmatch(text):
            return gettext(sentence).format(*map(_filled_in, found.groups()))
    return gettext(text) if text else text


def _filled_in(value: str) -> str:
    """A word that has a translation, a sentence within the sentence, or what it was."""
    return gettext(value) if value in FILLED_IN else said(f"{value}.").removesuffix(".")


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those that say most by themselves come first."""
    return [(_pattern(sentence), sentence) for sentence in sorted(SENTENCES, key=_own_length, reverse=True)]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{\d+\}", sentence)
    return re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL)


def _own_length(sentence: str) -> int:
    return len(re.sub(r"\{\d+\}", "", sentence))
