"""The promptable segmenter: a small U-Net over 128 px RGB and three prompt planes."""

from typing import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F

from common.blocks import Attention, Residual

SIZE = 128
CLICK_RADIUS = 2.0  # pixels of the network's input


def block(cin: int, cout: int) -> Residual:
    return Residual(cin, cout, (max(1, cin // 8), cout // 8))


class Segmenter(nn.Module):
    """image [B,3,128,128] in -1..1, prompt [B,3,128,128] (positive, negative, box) in 0..1 -> logits [B,1,128,128]."""

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 128)):
        super().__init__()
        self.down = nn.ModuleList()
        self.enc = nn.ModuleList()
        c = 6
        for i, w in enumerate(widths):
            self.down.append(nn.Conv2d(c, w, 3 if i else 6, stride=2, padding=1 if i else 2))
            self.enc.append(block(w, w))
            c = w
        self.att = nn.ModuleList([Attention(c, c // 32, c // 8, SIZE // 16) for _ in range(2)])
        self.mid = nn.ModuleList([block(c, c), block(c, c)])
        self.prompt = nn.ModuleList([nn.Conv2d(3, w, 1) for w in widths])  # the prompt again, at every level
        self.dec = nn.ModuleList()
        self.up = nn.ModuleList()
        for i in reversed(range(len(widths))):
            w = widths[i]
            self.dec.append(block(c + w, w))
            c = widths[i - 1] if i else w
            if i:
                self.up.append(nn.Conv2d(w, c, 1))
        self.norm = nn.GroupNorm(c // 8, c)
        self.head = nn.Conv2d(c, 4, 3, padding=1)  # four logits a cell: 64 px features, 128 px answer

    def forward(self, image: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        h = torch.cat([image, prompt], 1)
        p = prompt
        skips = []
        for down, enc, pr in zip(self.down, self.enc, self.prompt):
            p = F.max_pool2d(p, 2)
            h = enc(down(h) + pr(p))
            skips.append(h)
        for mid, att in zip(self.mid, self.att):
            h = att(mid(h))
        for i, dec in enumerate(self.dec):
            h = dec(torch.cat([h, skips.pop()], 1))
            if i < len(self.up):
                h = F.interpolate(self.up[i](h), scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2)
