"""Which scripts a text or a token is written in, and which scripts a language needs.

Python's tables have no script of a character, but the Unicode names of letters and marks begin with it ("LATIN SMALL
LETTER A", "HIRAGANA LETTER KA"): the first word of the name is what is called a script here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

# Script → ISO 639-1 codes of the languages that are written in it.
_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa", "ps", "ur"),
    "ARMENIAN": ("hy",),
    "BENGALI": ("bn",),
    "CJK": ("ja", "zh"),
    "CYRILLIC": ("be", "bg", "kk", "mk", "mn", "ru", "sr", "uk"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "ETHIOPIC": ("am",),
    "GEORGIAN": ("ka",),
    "GREEK": ("el",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KANNADA": ("kn",),
    "KATAKANA": ("ja",),
    "KHMER": ("km",),
    "LAO": ("lo",),
    "LATIN": (
        "af", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "id", "is",
        "it", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sr", "sv", "sw", "tr", "vi",
    ),
    "MALAYALAM": ("ml",),
    "MYANMAR": ("my",),
    "SINHALA": ("si",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "THAI": ("th",),
}  # fmt: skip

SCRIPTS: Mapping[str, frozenset[str]] = {
    code: frozenset(script for script, codes in _LANGUAGES.items() if code in codes)
    for code in sorted({code for codes in _LANGUAGES.values() for code in codes})
}
"""ISO 639-1 code → scripts that the language is written in."""

_WIDTHS = ("FULLWIDTH", "HALFWIDTH")
# First words of names of letters and marks that belong to no script.
_SHARED = frozenset({"COMBINING", "MODIFIER", "MATHEMATICAL", "SUPERSCRIPT", "SUBSCRIPT", "FEMININE", "MASCULINE", ""})


@cache
def script_of(character: str) -> str:
    """The script of a letter or mark; empty for what all scripts share: digits, punctuation, symbols, space.

    >>> [script_of(character) for character in "aЖ語ｶ7!"]
    ['LATIN', 'CYRILLIC', 'CJK', 'KATAKANA', '', '']
    """
    if unicodedata.category(character)[0] not in "LM":
        return ""
    first, *others = unicodedata.name(character, "").split(" ")
    word = others[0] if first in _WIDTHS and others else first
    return "" if word in _SHARED else word


def scripts_of(text: str) -> frozenset[str]:
    """All scripts that a text is written in.

    >>> sorted(scripts_of("Tokyo 東京, 2026"))
    ['CJK', 'LATIN']
    """
    return frozenset(script_of(character) for character in text) - {""}


def scripts_in_use(texts: Iterable[str], *, least: float) -> frozenset[str]:
    """Scripts that write at least the share `least` of all letters and marks of the texts.

    >>> scripts_in_use(["good morning", "ok Ж"], least=0.1)
    frozenset({'LATIN'})
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(script_of(character) for character in text)
    del counts[""]
    return frozenset(script for script, count in counts.items() if count >= least * counts.total())


def scripts_for(languages: Sequence[str]) -> frozenset[str]:
    """The scripts of some languages.

    Raises:
        KeyError: a language that `SCRIPTS` does not have.
    """
    return frozenset(script for language in languages for script in SCRIPTS[language])
