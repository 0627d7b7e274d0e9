"""DDIM over a v-predicting denoiser with classifier-free guidance; the rule that the TypeScript sampler follows."""

from typing import Callable, List, Optional, Tuple

import torch
import torch.nn.functional as F

from complete.model import TIMESTEPS, cosine_alphas_cumprod


def trailing_timesteps(steps: int, below: int = TIMESTEPS) -> List[int]:
    """round(below - i * below / steps) - 1 for i = 0..steps-1: the noisiest step is always visited."""
    return [int(round(below - i * below / steps)) - 1 for i in range(steps)]


EXTENT, SLANT = 0.5, 0.5  # of a first pair: mean of the corners, share of their differences from it that is kept


def draw_start(prior: torch.Tensor, seed: int, bias: float = 0.3, sharpness: float = 2.0, spread: float = 2.5, direction: float = 1.0,
               extent: bool = False) -> torch.Tensor:
    """A clean picture [B,4,S,S] that the prior's answer (straight colours, logit of alpha) allows: the logit is changed by a field that is
    bilinear between four normals at the corners, so that where the prior is unsure whole regions come or go together. The field is taken
    times `direction`: 0 for the answer itself, -1 for the opposite of what the seed gives; with `extent` it is more of the object everywhere, or
    less (see departure)."""
    g = torch.Generator().manual_seed(seed)
    b, _, s, _ = prior.shape
    axis = ((torch.arange(s) + 0.5) / s * 2 - 1).expand(b, s, s)
    grid = torch.stack([axis, axis.transpose(1, 2)], -1)
    corners = torch.randn(b, 1, 2, 2, generator=g)
    if extent:
        mean = corners.mean((2, 3), keepdim=True)
        corners = EXTENT * mean.sign() + SLANT * (corners - mean)
    field = F.grid_sample(corners, grid, align_corners=True).to(prior.device)
    alpha = torch.sigmoid(sharpness * (prior[:, 3:] + direction * spread * field - bias))
    return torch.cat([prior[:, :3].clamp(-1, 1) * alpha, 2 * alpha - 1], 1)


def departure(index: int) -> Tuple[int, float, bool]:
    """Of the index-th sample of a case: whose seed it starts with, its direction, and whether that is one of extent. The first is the prior's answer
    itself, then come pairs of opposites, the first pair more and less of the object."""
    if index == 0:
        return 0, 0.0, False
    return (index, 1.0, index <= 2) if index % 2 else (index - 1, -1.0, index <= 2)


def with_detail(x: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """A sample x [B,4,s,s] that began as the average of start [B,4,S,S] over pixels: what start has beyond that average is put back, [B,4,S,S]."""
    factor = start.shape[-1] // x.shape[-1]
    if factor == 1:
        return x
    change = F.interpolate(x - F.avg_pool2d(start, factor), scale_factor=float(factor), mode="bicubic", align_corners=False)
    return (start + change).clamp(-1, 1)


@torch.no_grad()
def sample(model: Callable[..., torch.Tensor], cond: torch.Tensor, steps: int = 10, eta: float = 0.0, guidance: float = 1.5, seed: int = 0,
           prior: Optional[torch.Tensor] = None, start: Optional[torch.Tensor] = None, start_at: int = TIMESTEPS) -> torch.Tensor:
    """float32 [B,4,S,S] in about -1..1; one noise per call seed and batch row, the same on every device. prior [B,4,S,S] where the
    denoiser takes one; the null condition has neither. With start [B,4,S,S], a clean picture, the last start_at timesteps are walked from it."""
    g = torch.Generator().manual_seed(seed)
    b, _, s, _ = cond.shape

    def noise() -> torch.Tensor:
        return torch.randn(b, 4, s, s, generator=g).to(cond.device)

    x = noise()
    abar = cosine_alphas_cumprod()
    ts = trailing_timesteps(steps, start_at)
    if start is not None:
        x = abar[ts[0]] ** 0.5 * start + (1 - abar[ts[0]]) ** 0.5 * x
        x = x.float()
    for i, t in enumerate(ts):
        a = float(abar[t])
        prev = float(abar[ts[i + 1]]) if i + 1 < steps else 1.0
        tt = torch.full((b,), float(t), device=cond.device)
        more = [] if prior is None else [prior]
        if guidance == 1.0:
            v = model(x, cond, tt, *more).float()
        else:
            conditions = [torch.cat([torch.zeros_like(c), c]) for c in [cond, *more]]
            both = model(torch.cat([x, x]), conditions[0], torch.cat([tt, tt]), *conditions[1:])
            without, with_ = both.float().chunk(2)
            v = without + guidance * (with_ - without)
        x0 = (a**0.5 * x - (1 - a) ** 0.5 * v).clamp(-1, 1)
        eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        sigma = eta * ((1 - prev) / (1 - a) * (1 - a / prev)) ** 0.5 if prev < 1 else 0.0
        x = prev**0.5 * x0 + max(0.0, 1 - prev - sigma**2) ** 0.5 * eps
        if sigma > 0:
            x = x + sigma * noise()
    return x
