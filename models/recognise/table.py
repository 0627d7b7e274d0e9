"""The text side as it ships: a row of bytes for every token of the vocabulary, in tokens.i8, and a scale a row, in scales.f32."""

from pathlib import Path
from typing import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from recognise.wordpiece import WordPiece

DIMS = 104


def write_table(folder: Path, rows: torch.Tensor) -> None:
    """rows float32 [tokens, DIMS or more], of which the first DIMS are kept, to 1/127 of each row's largest value."""
    scales = rows.abs().amax(1).clamp(min=1e-8) / 127
    (folder / "tokens.i8").write_bytes((rows / scales[:, None]).round().to(torch.int8)[:, :DIMS].contiguous().numpy().tobytes())
    (folder / "scales.f32").write_bytes(scales.numpy().astype("<f4").tobytes())


class TextTable:
    """folder: vocab.txt, tokens.i8, scales.f32."""

    def __init__(self, folder: Path):
        self.tokenizer = WordPiece(folder / "vocab.txt")
        scales = torch.from_numpy(np.fromfile(folder / "scales.f32", "<f4"))
        self.rows = torch.from_numpy(np.fromfile(folder / "tokens.i8", np.int8)).reshape(len(scales), DIMS).float() * scales[:, None]

    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors float32 [N, DIMS]: the sum of the tokens' rows, whose lengths are their weights. Throws ValueError for a text
        without tokens."""
        out = []
        for text in texts:
            ids = self.tokenizer.encode(text)
            if not ids:
                raise ValueError(f"expected a text with a word, came {text!r}")
            out.append(self.rows[ids].sum(0))
        return F.normalize(torch.stack(out), dim=-1)
