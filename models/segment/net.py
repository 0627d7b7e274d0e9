"""The promptable segmenter: a small U-Net over 128 px RGB and three prompt planes."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 128
CLICK_RADIUS = 2.0  # pixels of the network's input


class Block(nn.Module):
    """Two normalised 3x3 convolutions around a residual."""

    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.n1 = nn.GroupNorm(max(1, cin // 8), cin)
        self.c1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.n2 = nn.GroupNorm(cout // 8, cout)
        self.c2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.skip(x) + self.c2(F.silu(self.n2(self.c1(F.silu(self.n1(x))))))


class Attention(nn.Module):
    def __init__(self, c: int, side: int):
        super().__init__()
        self.heads = c // 32
        self.norm = nn.GroupNorm(c // 8, c)
        self.place = nn.Parameter(torch.zeros(1, c, side, side))  # the input size is fixed
        self.qkv = nn.Conv2d(c, 3 * c, 1)
        self.out = nn.Conv2d(c, c, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x) + self.place).reshape(b, 3, self.heads, 32, h * w)
        q, k, v = qkv[:, 0], qkv[:, 1], qkv[:, 2]
        a = torch.softmax((q.transpose(2, 3) * 32**-0.5) @ k, -1)
        return x + self.out((v @ a.transpose(2, 3)).reshape(b, c, h, w))


class Segmenter(nn.Module):
    """image [B,3,128,128] in -1..1, prompt [B,3,128,128] (positive, negative, box) in 0..1 -> logits [B,1,128,128]."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 128)):
        super().__init__()
        self.config = {"widths": list(widths)}
        self.down = nn.ModuleList()
        self.enc = nn.ModuleList()
        c = 6
        for i, w in enumerate(widths):
            self.down.append(nn.Conv2d(c, w, 3 if i else 6, stride=2, padding=1 if i else 2))
            self.enc.append(Block(w, w))
            c = w
        self.att = nn.ModuleList([Attention(c, SIZE // 16), Attention(c, SIZE // 16)])
        self.mid = nn.ModuleList([Block(c, c), Block(c, c)])
        self.prompt = nn.ModuleList([nn.Conv2d(3, w, 1) for w in widths])  # the prompt again, at every level
        self.dec = nn.ModuleList()
        self.up = nn.ModuleList()
        for i in reversed(range(len(widths))):
            w = widths[i]
            self.dec.append(Block(c + w, w))
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
        for block, att in zip(self.mid, self.att):
            h = att(block(h))
        for i, dec in enumerate(self.dec):
            h = dec(torch.cat([h, skips.pop()], 1))
            if i < len(self.up):
                h = F.interpolate(self.up[i](h), scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2)
