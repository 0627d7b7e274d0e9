"""The layered body network: one RGBA view in, what lies behind its pixels out."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(8, a), nn.Conv2d(a, b, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(8, b), nn.Conv2d(b, b, 3, padding=1)
        self.skip = nn.Conv2d(a, b, 1) if a != b else nn.Identity()
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x):
        y = self.c1(F.silu(self.n1(x)))
        return self.skip(x) + self.c2(F.silu(self.n2(y)))


class Attention(nn.Module):
    def __init__(self, channels, heads=4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv, self.out = nn.Conv2d(channels, channels * 3, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, h * w).unbind(1)
        weights = torch.softmax(q.transpose(-1, -2) @ k * (c // self.heads) ** -0.5, -1)
        return x + self.out((weights @ v.transpose(-1, -2)).transpose(-1, -2).reshape(b, c, h, w))


class Layers(nn.Module):
    """image [B,4,S,S] straight RGBA in [0,1], elevation [B] radians -> layers [B,5,S,S]: front and back offset along the viewing axis
    from the plane through the object's centre (world units, positive away from the camera, back >= front), back colour in [0,1]."""

    def __init__(self, widths=(64, 128, 224), depths=(1, 2, 3), size=64):
        super().__init__()
        axis = (torch.arange(size) + 0.5) / size * 2 - 1
        self.register_buffer("grid", torch.stack([axis[None].expand(size, size), axis[:, None].expand(size, size)])[None].clone())
        self.stem = nn.Conv2d(28, widths[0], 3, padding=1)  # on 2x2 pixels at a time
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        a = widths[0]
        for i, (w, d) in enumerate(zip(widths, depths)):
            blocks = [nn.Conv2d(a, w, 3, stride=2, padding=1)] if i else []
            blocks += [Residual(w, w) for _ in range(d)]
            if i == len(widths) - 1:
                blocks.insert(-1, Attention(w))
            self.down.append(nn.Sequential(*blocks))
            a = w
        for i in range(len(widths) - 2, -1, -1):
            w = widths[i]
            self.up.append(nn.ModuleList([nn.Conv2d(a, w, 1), nn.Sequential(*[Residual(2 * w if j == 0 else w, w) for j in range(depths[i])])]))
            a = w
        self.norm, self.head = nn.GroupNorm(8, a), nn.Conv2d(a, 20, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([-0.2, -0.7, 0.0, 0.0, 0.0]).repeat_interleave(4))

    def forward(self, image, elevation):
        alpha = image[:, 3:]
        rgb = image[:, :3] * alpha + 0.5 * (1 - alpha)
        plane = elevation.reshape(-1, 1, 1, 1) + torch.zeros_like(alpha)
        x = torch.cat([rgb * 2 - 1, alpha * 2 - 1, plane, self.grid + torch.zeros_like(image[:, :2])], 1)
        x = self.stem(F.pixel_unshuffle(x, 2))
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        for project, blocks in self.up:
            x = F.interpolate(project(x), scale_factor=2.0, mode="nearest")
            x = blocks(torch.cat([x, skips.pop()], 1))
        out = F.pixel_shuffle(self.head(F.silu(self.norm(x))).float(), 2)
        front = out[:, :1]
        return torch.cat([front, front + F.softplus(out[:, 1:2]), torch.sigmoid(out[:, 2:])], 1)
