"""Pictures that a person looks at while a network trains."""

from pathlib import Path
from typing import Sequence

import torch
from PIL import Image


def save_picture(picture: torch.Tensor, path: Path) -> None:
    """picture [3,H,W] in -1..1, as PNG."""
    pixels = ((picture.float().cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0)
    Image.fromarray(pixels.numpy()).save(path)


def sheet(columns: Sequence[torch.Tensor]) -> torch.Tensor:
    """columns of [N,3 or 1,S,S] in -1..1 -> [3, N S, columns S]: one row a case."""
    cells = torch.cat([c.float().expand(-1, 3, -1, -1) for c in columns], 3)
    return torch.cat(list(cells), 1)
