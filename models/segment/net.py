"""The promptable segmenter: the image is encoded once, a light decoder answers each prompt."""

from typing import NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn as nn
import torch.nn.functional as F

from common.blocks import Attention, Residual

SIZE = 128
CLICK_RADIUS = 2.0  # pixels of the network's input
CELLS = 8  # clicks are told apart where they fall into different cells of a CELLS x CELLS grid
NO_CLICK = -2.0  # the likeness where there is no click: below every cosine
EMPTY = 1e-3  # less of a plane than this counts as nothing


def block(cin: int, cout: int) -> Residual:
    return Residual(cin, cout, (max(1, cin // 8), cout // 8))


def larger(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Maps(NamedTuple):
    """What is known of an image before any prompt: features at 64, 32 and 16 pixels, and unit embeddings [B,E,64,64] alike within an object."""

    fine: torch.Tensor
    middle: torch.Tensor
    coarse: torch.Tensor
    embedding: torch.Tensor

    def repeat(self, n: int) -> "Maps":
        return Maps(*[m.repeat_interleave(n, 0) for m in self])


class Encoder(nn.Module):
    """image [B,3,128,128] in -1..1 -> Maps."""

    def __init__(self, widths: Sequence[int], embedding: int):
        super().__init__()
        w64, w32, w16 = widths
        self.stem = nn.Conv2d(3, w64, 4, stride=2, padding=1)
        self.e64 = block(w64, w64)
        self.down32 = nn.Conv2d(w64, w32, 3, stride=2, padding=1)
        self.e32 = nn.Sequential(block(w32, w32), block(w32, w32))
        self.down16 = nn.Conv2d(w32, w16, 3, stride=2, padding=1)
        self.e16 = nn.Sequential(*[m for _ in range(2) for m in (block(w16, w16), Attention(w16, w16 // 32, w16 // 8, SIZE // 8))])
        self.up32, self.d32 = nn.Conv2d(w16, w32, 1), block(2 * w32, w32)
        self.up64, self.d64 = nn.Conv2d(w32, w64, 1), block(2 * w64, w64)
        self.embed = nn.Sequential(nn.GroupNorm(w64 // 8, w64), nn.SiLU(), nn.Conv2d(w64, embedding, 1))
        self.embed32 = nn.Conv2d(w32, embedding, 1)

    def forward(self, image: torch.Tensor) -> Maps:
        s64 = self.e64(self.stem(image))
        s32 = self.e32(self.down32(s64))
        coarse = self.e16(self.down16(s32))
        middle = self.d32(torch.cat([larger(self.up32(coarse)), s32], 1))
        fine = self.d64(torch.cat([larger(self.up64(middle)), s64], 1))
        e = self.embed(fine) + larger(self.embed32(middle))
        return Maps(fine, middle, coarse, e * torch.rsqrt((e * e).sum(1, keepdim=True) + 1e-6))


def likeness_to_clicks(embedding: torch.Tensor, plane: torch.Tensor) -> torch.Tensor:
    """[B,1,64,64]: the largest cosine of a pixel's embedding with that of any click of the plane [B,1,64,64]; NO_CLICK without one."""
    b, e, side, _ = embedding.shape
    k = side // CELLS
    share = F.avg_pool2d(plane, k)
    mean = F.avg_pool2d(embedding * plane, k) / (share + EMPTY)
    cosine = mean.flatten(2).transpose(1, 2) @ embedding.flatten(2)
    there = (share / EMPTY).clamp(0, 1).reshape(b, CELLS * CELLS, 1)
    return (cosine * there + NO_CLICK * (1 - there)).amax(1).reshape(b, 1, side, side)


def likeness_to_region(embedding: torch.Tensor, plane: torch.Tensor) -> torch.Tensor:
    """[B,1,64,64]: product of a pixel's embedding with the mean over the plane [B,1,64,64]; 0 where the plane is."""
    b, e, side, _ = embedding.shape
    mean = (embedding * plane).mean((2, 3)) / (plane.mean((2, 3)) + EMPTY)
    return (mean[:, None] @ embedding.flatten(2)).reshape(b, 1, side, side)


class Decoder(nn.Module):
    """Maps of B images and prompts [B,3,128,128] -> logits [B,1,128,128]."""

    HINTS = 8  # two likenesses to clicks, two to the box, the three planes, one where the box is given

    def __init__(self, widths: Sequence[int], encoder: Sequence[int]):
        super().__init__()
        w64, w32, w16 = widths
        self.fine, self.middle, self.coarse = (nn.Conv2d(c, w, 1) for c, w in zip(encoder, widths))
        self.hints = nn.Conv2d(self.HINTS, w64, 3, padding=1)
        self.down32, self.e32 = nn.Conv2d(w64, w32, 3, stride=2, padding=1), block(w32, w32)
        self.down16 = nn.Conv2d(w32, w16, 3, stride=2, padding=1)
        self.e16 = nn.Sequential(block(w16, w16), Attention(w16, w16 // 32, w16 // 8, SIZE // 8), block(w16, w16))
        self.up32, self.d32 = nn.Conv2d(w16, w32, 1), block(w32, w32)
        self.up64, self.d64 = nn.Conv2d(w32, w64, 1), block(w64, w64)
        self.norm = nn.GroupNorm(w64 // 8, w64)
        self.head = nn.Conv2d(w64 + self.HINTS, 4, 3, padding=1)  # four logits a cell: 64 px features, 128 px answer

    def forward(self, maps: Maps, prompt: torch.Tensor) -> torch.Tensor:
        planes = F.avg_pool2d(prompt.clamp(0, 1), 2)
        positive, negative, box = planes.split(1, 1)
        e = maps.embedding
        given = box.amax((2, 3), keepdim=True).expand_as(box)
        hints = torch.cat([likeness_to_clicks(e, positive), likeness_to_clicks(e, negative),
                           likeness_to_region(e, box), likeness_to_region(e, (1 - box) * given),
                           (positive * 2).clamp(max=1), (negative * 2).clamp(max=1), box, given], 1)
        s64 = F.silu(self.fine(maps.fine) + self.hints(hints))
        s32 = self.e32(self.down32(s64) + self.middle(maps.middle))
        h = self.e16(self.down16(s32) + self.coarse(maps.coarse))
        h = self.d32(s32 + larger(self.up32(h)))
        h = self.d64(s64 + larger(self.up64(h)))
        return F.pixel_shuffle(self.head(torch.cat([F.silu(self.norm(h)), hints], 1)), 2)


class Segmenter(nn.Module):
    """image [B,3,128,128] in -1..1, prompt [B,3,128,128] (positive, negative, box) in 0..1 -> logits [B,1,128,128]."""

    def __init__(self, encoder: Sequence[int] = (32, 64, 128), decoder: Sequence[int] = (24, 32, 64), embedding: int = 32):
        super().__init__()
        self.encoder = Encoder(encoder, embedding)
        self.decoder = Decoder(decoder, encoder)
        self.sharpness = nn.Parameter(torch.tensor([8.0, -4.0]))  # of the embeddings' own logits, in training alone

    def forward(self, image: torch.Tensor, prompt: torch.Tensor, per: Optional[int] = None) -> Union[torch.Tensor, Tuple[torch.Tensor, torch.Tensor]]:
        """With `per`, as in training: prompts [B per,3,128,128], `per` for each image -> logits and the embeddings [B,E,64,64]."""
        maps = self.encoder(image)
        if per is None:
            return self.decoder(maps, prompt)
        return self.decoder(maps.repeat(per), prompt), maps.embedding
