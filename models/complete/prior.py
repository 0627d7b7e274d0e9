"""The completion prior: one pass from the visible part to the expected whole object.

Where what is hidden is ambiguous it answers with the mean of all that is plausible: a shape with soft odds, blurred colours. That mean is
the best single guess by pixel; the denoiser draws sharp versions around it.
"""

from typing import Dict, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F

from common.blocks import Attention, Residual, grid
from complete.hints import Hints
from complete.model import COND_CHANNELS, HINT_CHANNELS

LOGIT_RANGE = 4.0  # beyond it a pixel is as good as decided


class Prior(nn.Module):
    """cond [B,8,S,S] -> [B,4,S,S]: straight colours in about -1..1, and the logit of alpha.

    widths: three, at S / unshuffle px and one half and one quarter of that; or four, one level deeper, for 128 px.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256), size: int = 64, unshuffle: int = 2):
        super().__init__()
        if len(widths) not in (3, 4):
            raise ValueError(f"widths: expected 3 or 4 levels, came {len(widths)}")
        self.unshuffle = unshuffle
        self.hints = Hints(size)
        self.register_buffer("grid", grid(size), persistent=False)
        w0, w1, w2 = widths[:3]
        self.stem = nn.Conv2d((COND_CHANNELS + HINT_CHANNELS + 2) * unshuffle**2, w0, 3, padding=1)
        self.e0 = nn.Sequential(Residual(w0, w0))
        self.d1 = nn.Conv2d(w0, w1, 3, stride=2, padding=1)
        self.deep = len(widths) == 4
        # the deep form attends at its two coarsest levels, as the shallow one does
        self.e1 = nn.Sequential(Residual(w1, w1), nn.Identity() if self.deep else Attention(w1), Residual(w1, w1))
        self.d2 = nn.Conv2d(w1, w2, 3, stride=2, padding=1)
        wm = widths[-1]
        if self.deep:
            self.e2 = nn.Sequential(Residual(w2, w2), Attention(w2), Residual(w2, w2))
            self.d3 = nn.Conv2d(w2, wm, 3, stride=2, padding=1)
            self.u2 = nn.Conv2d(wm, w2, 1)
            self.f2 = nn.Sequential(Residual(2 * w2, w2), Attention(w2), Residual(w2, w2))
        self.mid = nn.Sequential(Residual(wm, wm), Attention(wm), Residual(wm, wm), Attention(wm), Residual(wm, wm))
        self.u1 = nn.Conv2d(w2, w1, 1)
        self.f1 = nn.Sequential(Residual(2 * w1, w1), nn.Identity() if self.deep else Attention(w1), Residual(w1, w1))
        self.u0 = nn.Conv2d(w1, w0, 1)
        self.f0 = nn.Sequential(Residual(2 * w0, w0), Residual(w0, w0))
        self.norm = nn.GroupNorm(8, w0)
        self.head = nn.Conv2d(w0, 4 * unshuffle**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, cond: torch.Tensor) -> torch.Tensor:
        def up(project: nn.Module, blocks: nn.Module, coarse: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
            return blocks(torch.cat([F.interpolate(project(coarse), scale_factor=2.0, mode="nearest"), skip], 1))

        h = self.hints(cond)
        x = torch.cat([cond, h, self.grid + torch.zeros_like(cond[:, :2])], 1)  # a sum, so that an exported graph takes any batch
        a = self.e0(self.stem(F.pixel_unshuffle(x, self.unshuffle)))
        b = self.e1(self.d1(a))
        if self.deep:
            c = self.e2(self.d2(b))
            y = up(self.u2, self.f2, self.mid(self.d3(c)), c)
        else:
            y = self.mid(self.d2(b))
        y = up(self.u1, self.f1, y, b)
        y = up(self.u0, self.f0, y, a)
        out = F.pixel_shuffle(self.head(F.silu(self.norm(y))).float(), self.unshuffle)
        # straight colours as an offset from the spread ones; shape as a logit on top of the mask
        rgb = h[:, 5:8] + out[:, :3]
        logit = out[:, 3:] + 8 * (cond[:, 3:4] - 0.5).clamp(min=0)
        return torch.cat([rgb, logit], 1)


def as_condition(out: torch.Tensor) -> torch.Tensor:
    """The prior's answer [B,4,S,S] as the denoiser takes it: colours within -1..1, the logit squashed to -1..1."""
    return torch.cat([out[:, :3].clamp(-1, 1), torch.tanh(out[:, 3:] / LOGIT_RANGE)], 1)


def prior_losses(out: torch.Tensor, batch: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """shape: cross-entropy of alpha, covered pixels counting five times; iou: 1 - soft IoU; colour: mean absolute error of the straight
    colours of what is hidden. batch: x0, visible, covered and ok as compose.py makes them; samples that are not ok weigh nothing."""
    ok = batch["ok"].float()
    alpha = (batch["x0"][:, 3:] + 1) / 2
    logit = out[:, 3:]
    weight = (0.4 + 1.6 * batch["covered"]) * ok[:, None, None, None]
    shape = (F.binary_cross_entropy_with_logits(logit, alpha, reduction="none") * weight).mean() / ok.mean().clamp(min=1e-3)
    p = torch.sigmoid(logit)
    inter = (p * alpha).sum((1, 2, 3))
    union = (p + alpha - p * alpha).sum((1, 2, 3))
    iou = ((1 - (inter + 1) / (union + 1)) * ok).sum() / ok.sum().clamp(min=1)
    hidden = alpha * (1 - batch["visible"]) * ok[:, None, None, None]
    straight = (batch["x0"][:, :3] / alpha.clamp(min=0.05)).clamp(-1, 1)
    colour = ((out[:, :3] - straight).abs() * hidden).sum() / hidden.sum().clamp(min=1) / 3
    return {"loss": shape + 0.5 * iou + 0.5 * colour, "shape": shape, "iou": iou, "colour": colour}
