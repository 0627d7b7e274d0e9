"""The WordPiece tokenizer of uncased BERT (Devlin et al. 2019), without its special tokens; packages/amodal/src/word-piece.ts follows the
same rules."""

import unicodedata
from pathlib import Path
from typing import List

UNKNOWN = "[UNK]"
LONGEST_WORD = 100  # characters; a longer word is unknown


def punctuation(char: str) -> bool:
    """All of ASCII that is no letter, digit or space counts, as in BERT."""
    code = ord(char)
    return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126 or unicodedata.category(char).startswith("P")


def ideograph(char: str) -> bool:
    """The blocks of Chinese characters that BERT names."""
    code = ord(char)
    return (0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF
            or 0x2F800 <= code <= 0x2FA1F)


def words(text: str) -> List[str]:
    """Lower case without accents, split at spaces; every sign of punctuation and every Chinese character is a word.
    Characters are lowered one by one, as the published tokenizer does: no sigma is final."""
    plain = "".join(c for c in unicodedata.normalize("NFD", "".join(c.lower() for c in text)) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if punctuation(c) or ideograph(c) else c for c in plain).split()


class WordPiece:
    def __init__(self, vocabulary: Path):
        self.tokens = vocabulary.read_text(encoding="utf8").splitlines()
        self.ids = {token: i for i, token in enumerate(self.tokens)}

    def encode(self, text: str) -> List[int]:
        return [i for word in words(text) for i in self.pieces(word)]

    def pieces(self, word: str) -> List[int]:
        """Always the longest piece that the vocabulary knows; a word that cannot be taken apart so is one unknown token."""
        out: List[int] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            end = len(word)
            while end > start and ("##" if start else "") + word[start:end] not in self.ids:
                end -= 1
            if end == start:
                return [self.ids[UNKNOWN]]
            out.append(self.ids[("##" if start else "") + word[start:end]])
            start = end
        return out if start else [self.ids[UNKNOWN]]
