"""Whole-part pairs on the fly: a cut-out object over a background, partly hidden by others.

Shared by the completion model and the promptable segmenter. Everything is batched torch on the CPU.

Packs of cut-outs are .npz files with rgba uint8 [N,128,128,4], object_id int [N], split uint8 [N] (0 train, 1 val, 2 test).
Coordinates: a frame is the square [-1,1]^2 (x right, y down). Every layer of a scene is a similarity of a cut-out whose
tight bounding box's longest side is 2 units at scale 1. A crop is a centre and a half side in scene units.

    python compose.py backgrounds --out backgrounds.npz [--hdri DIR_OF_NPY] [--photos FILE ...] [--seed 0]
    python compose.py preview --data a.npz,b.npz --backgrounds backgrounds.npz --out sheet.png
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

TEX = 128
BANDS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8))


# ---------------------------------------------------------------- procedural pictures


def _noise(rng: np.random.Generator, octaves: int, base: int = 2, persistence: float = 0.55) -> np.ndarray:
    """float32 [TEX,TEX] in 0..1: octaves of smoothly interpolated random grids."""
    total = torch.zeros(1, 1, TEX, TEX)
    amplitude, n = 1.0, base
    for _ in range(octaves):
        grid = torch.from_numpy(rng.random((1, 1, n + 3, n + 3), dtype=np.float32))
        total += amplitude * F.interpolate(grid, size=(TEX, TEX), mode="bicubic", align_corners=False)
        amplitude *= persistence
        n = min(n * 2, TEX)
    a = total[0, 0].numpy()
    return (a - a.min()) / max(1e-6, float(a.max() - a.min()))


def _palette(rng: np.random.Generator, n: int) -> np.ndarray:
    """float32 [n,3]: colours near each other more often than not, as in real materials."""
    base = rng.random(3)
    if rng.random() < 0.5:
        base = base * 0.25 + base.mean() * 0.75
    spread = rng.choice([0.08, 0.2, 0.5])
    return np.clip(base + spread * rng.standard_normal((n, 3)), 0, 1).astype(np.float32)


def _ramp(field: np.ndarray, colours: np.ndarray) -> np.ndarray:
    x = np.clip(field, 0, 1) * (len(colours) - 1)
    i = np.minimum(x.astype(int), len(colours) - 2)
    w = (x - i)[..., None]
    return colours[i] * (1 - w) + colours[i + 1] * w


def _surface(rng: np.random.Generator) -> np.ndarray:
    """float32 [TEX,TEX,3]: one material."""
    y, x = np.mgrid[0:TEX, 0:TEX].astype(np.float32) / TEX
    angle = rng.random() * math.pi
    u = x * math.cos(angle) + y * math.sin(angle)
    v = -x * math.sin(angle) + y * math.cos(angle)
    kind = rng.integers(0, 7)
    colours = _palette(rng, int(rng.integers(2, 5)))
    if kind == 0:  # plain, or a gradient
        field = (u - u.min()) / (u.max() - u.min()) * rng.random()
    elif kind == 1:  # clouds
        field = _noise(rng, int(rng.integers(1, 6)))
    elif kind == 2:  # stripes
        field = 0.5 + 0.5 * np.sin(u * rng.uniform(8, 70) + rng.random() * 6)
        if rng.random() < 0.5:
            field = (field > rng.uniform(0.2, 0.8)).astype(np.float32)
    elif kind == 3:  # checks or bricks
        n, m = rng.uniform(3, 16, 2)
        row = np.floor(v * m)
        col = np.floor(u * n + (0.5 * row if rng.random() < 0.5 else 0))
        if rng.random() < 0.5:
            field = (row + col) % 2
        else:
            table = rng.random(4096).astype(np.float32)
            field = table[((row * 73 + col * 151) % 4096).astype(int)]
            edge = (u * n % 1 < 0.08) | (v * m % 1 < 0.1)
            field = np.where(edge, 0.0, field)
    elif kind == 4:  # marble
        field = 0.5 + 0.5 * np.sin(u * rng.uniform(6, 25) + 8 * _noise(rng, 5))
    elif kind == 5:  # wood: stretched noise and planks
        n = _noise(rng, 6, base=3)
        stretched = n[(np.clip(v - v.min(), 0, 1) * 12).astype(int) % TEX, (np.clip(u - u.min(), 0, 1) * 127).astype(int) % TEX]
        field = 0.6 * stretched + 0.4 * (0.5 + 0.5 * np.sin(u * rng.uniform(40, 120) + 4 * n))
    else:  # specks
        field = np.clip(_noise(rng, 2) * 0.4 + 0.6 * rng.random((TEX, TEX)), 0, 1)
    picture = _ramp(field, colours)
    if rng.random() < 0.6:
        picture = picture * (0.85 + 0.3 * _noise(rng, 5))[..., None]
    return np.clip(picture, 0, 1).astype(np.float32)


def _smooth_shape(rng: np.random.Generator) -> np.ndarray:
    """float32 [TEX,TEX] alpha: blob, ellipse, box, bar, polygon or ring, somewhat soft at the edge."""
    y, x = (np.mgrid[0:TEX, 0:TEX].astype(np.float32) + 0.5) / TEX * 2 - 1
    kind = rng.integers(0, 6)
    if kind == 0:
        d = 0.75 - np.hypot(x, y) + (_noise(rng, 3) - 0.5) * 1.1
    elif kind == 1:
        d = 0.9 - np.hypot(x / rng.uniform(0.3, 1), y)
    elif kind == 2:
        r = rng.uniform(0, 0.4)
        qx, qy = np.abs(x) - rng.uniform(0.35, 0.9) + r, np.abs(y) - 0.9 + r
        d = r - np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) - np.minimum(np.maximum(qx, qy), 0)
    elif kind == 3:
        d = np.minimum(rng.uniform(0.08, 0.3) - np.abs(x + 0.12 * np.sin(3 * y + rng.random() * 6)), 0.95 - np.abs(y))
    elif kind == 4:
        n = int(rng.integers(3, 9))
        angles = np.sort(rng.random(n)) * 2 * math.pi
        radii = rng.uniform(0.45, 0.95, n)
        th = np.arctan2(y, x) % (2 * math.pi)
        d = np.interp(th, angles, radii, period=2 * math.pi) - np.hypot(x, y)
    else:
        d = rng.uniform(0.1, 0.25) - np.abs(np.hypot(x, y) - 0.65)
    soft = rng.uniform(0.015, 0.05)
    return np.clip(0.5 + d / (2 * soft), 0, 1).astype(np.float32)


def _room(rng: np.random.Generator) -> np.ndarray:
    """float32 [TEX,TEX,3]: a wall over a table or floor, or overlapping soft shapes over a material."""
    a, b = _surface(rng), _surface(rng)
    if rng.random() < 0.6:
        y, x = np.mgrid[0:TEX, 0:TEX].astype(np.float32) / TEX
        line = rng.uniform(0.3, 0.85) + rng.uniform(-0.15, 0.15) * (x - 0.5)
        m = np.clip((y - line) * rng.choice([128.0, 30.0]) + 0.5, 0, 1)[..., None]
        b = b * np.clip(1 - rng.uniform(0, 0.6) * (1 - y), 0, 1)[..., None]
    else:
        m = _smooth_shape(rng)[..., None]
        for _ in range(int(rng.integers(0, 4))):
            s, (dy, dx) = _smooth_shape(rng), rng.integers(-60, 60, 2)
            s = np.roll(s, (dy, dx), (0, 1))[..., None]
            a = a * (1 - s) + _palette(rng, 1)[0] * s
    return a * (1 - m) + b * m


def _panorama_view(pano: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A perspective view out of an equirectangular panorama float32 [H,W,3], tone-mapped to 0..1."""
    h, w, _ = pano.shape
    yaw, pitch, fov = rng.uniform(0, 2 * math.pi), rng.normal(-0.15, 0.3), math.radians(rng.uniform(45, 95))
    y, x = (np.mgrid[0:TEX, 0:TEX].astype(np.float32) + 0.5) / TEX * 2 - 1
    d = np.stack([x * math.tan(fov / 2), -y * math.tan(fov / 2), -np.ones_like(x)], -1)
    c, s = math.cos(pitch), math.sin(pitch)
    d = np.stack([d[..., 0], c * d[..., 1] - s * d[..., 2], s * d[..., 1] + c * d[..., 2]], -1)
    u = (np.arctan2(d[..., 0], -d[..., 2]) + yaw) / (2 * math.pi) % 1
    v = np.arccos(np.clip(d[..., 1] / np.linalg.norm(d, axis=-1), -1, 1)) / math.pi
    wrapped = torch.from_numpy(np.concatenate([pano, pano[:, :1]], 1)).permute(2, 0, 1)[None]
    grid = torch.from_numpy(np.stack([u * 2 * w / (w + 1) - 1, v * 2 - 1], -1).astype(np.float32))[None]
    p = F.grid_sample(wrapped, grid, padding_mode="border", align_corners=False)[0].permute(1, 2, 0).numpy()
    p = p * (0.45 * 2 ** rng.uniform(-1, 1) / (np.median(p.mean(-1)) + 1e-3))
    return np.clip(1.1 * p / (1 + 0.35 * p), 0, 1) ** (1 / 2.2)


def build_backgrounds(hdri: Path | None, photos: list[Path], seed: int, counts=(3000, 2400, 120)) -> np.ndarray:
    """uint8 [N,TEX,TEX,3]: procedural pictures, views out of panoramas (.npy float [H,W,3]), crops of photographs."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    out = [(_surface if i % 2 else _room)(rng) for i in range(counts[0])]
    panos = [np.load(p).astype(np.float32) for p in sorted(hdri.glob("*.npy"))] if hdri else []
    out += [_panorama_view(panos[i % len(panos)], rng) for i in range(counts[1] if panos else 0)]
    for p in photos:
        im = Image.open(p).convert("RGB")
        for _ in range(counts[2]):
            side = int(min(im.size) * rng.uniform(0.25, 1))
            x, y = int(rng.integers(0, im.width - side + 1)), int(rng.integers(0, im.height - side + 1))
            c = im.crop((x, y, x + side, y + side)).resize((TEX, TEX), Image.LANCZOS)
            a = np.asarray(c, np.float32) / 255
            out.append(np.clip(a * (1 + 0.3 * rng.standard_normal(3).astype(np.float32)), 0, 1))
    return np.stack([(np.clip(o, 0, 1) * 255 + 0.5).astype(np.uint8) for o in out])


# ---------------------------------------------------------------- banks


def load_pack(paths: str, splits: tuple[int, ...]) -> list[dict]:
    packs = []
    for path in paths.split(","):
        z = np.load(path)
        keep = np.isin(z["split"], splits)
        alpha = z["rgba"][..., 3] > 127
        # a cut-out touching three or more borders is not whole; an (almost) empty one has nothing to show
        border = alpha[:, 0].any(1).astype(int) + alpha[:, -1].any(1) + alpha[:, :, 0].any(1) + alpha[:, :, -1].any(1)
        keep &= (alpha.mean((1, 2)) > 0.015) & (border < 3 if "emoji" not in path else True)
        packs.append({"rgba": z["rgba"][keep], "id": z["object_id"][keep], "path": path})
    return packs


@dataclass
class Bank:
    """Cut-outs and shapes that layers are drawn from."""

    rgba: torch.Tensor  # uint8 [N,4,TEX,TEX]
    low: torch.Tensor  # float32 [N,1,32,32] alpha
    box: torch.Tensor  # float32 [N,3] centre x, y and half of the longest side, in texture coordinates -1..1
    weights: torch.Tensor  # float32 [N] how often each is the target
    objects: int  # the first `objects` are cut-outs, the rest are shapes that only occlude
    backgrounds: torch.Tensor  # uint8 [M,3,TEX,TEX]


def make_bank(packs: list[dict], pack_weights: list[float], backgrounds: np.ndarray, shapes: int, seed: int) -> Bank:
    rng = np.random.default_rng(seed)
    rgba = [p["rgba"] for p in packs]
    weights = []
    for p, w in zip(packs, pack_weights):
        _, inverse, count = np.unique(p["id"], return_inverse=True, return_counts=True)
        per = 1 / count[inverse] ** 0.5  # an object with many views counts more, but not in proportion
        weights.append(w * per / per.sum())
    n_objects = sum(len(r) for r in rgba)
    made = np.empty((shapes, TEX, TEX, 4), np.uint8)
    for i in range(shapes):
        made[i, ..., :3] = backgrounds[rng.integers(len(backgrounds))] if rng.random() < 0.7 else _palette(rng, 1)[0] * 255
        made[i, ..., 3] = _smooth_shape(rng) * 255
    rgba = torch.from_numpy(np.concatenate(rgba + [made])).permute(0, 3, 1, 2).contiguous()
    alpha = rgba[:, 3:]
    low = torch.cat([F.avg_pool2d(a.float(), 4) for a in alpha.split(512)]) / 255
    solid = alpha[:, 0] > 100
    ar = torch.arange(TEX)
    cols, rows = solid.any(1), solid.any(2)
    lo = lambda m: torch.where(m, ar, TEX).amin(1)  # noqa: E731
    hi = lambda m: torch.where(m, ar + 1, 0).amax(1)  # noqa: E731
    x0, x1, y0, y1 = lo(cols), hi(cols), lo(rows), hi(rows)
    box = torch.stack([(x0 + x1) / TEX - 1, (y0 + y1) / TEX - 1, torch.maximum(x1 - x0, y1 - y0) / TEX], 1).float()
    return Bank(rgba, low, box, torch.from_numpy(np.concatenate(weights)).float(), n_objects,
                torch.from_numpy(backgrounds).permute(0, 3, 1, 2).contiguous())


# ---------------------------------------------------------------- layers


@dataclass
class Placed:
    """A batch of layers: which texture, where in the scene."""

    index: torch.Tensor  # int64 [B]
    centre: torch.Tensor  # [B,2]
    scale: torch.Tensor  # [B]
    angle: torch.Tensor  # [B]
    aspect: torch.Tensor  # [B]
    flip: torch.Tensor  # [B] +1 or -1
    colour: torch.Tensor  # [B,6] gain r g b, gamma, lift, saturation


def uniform(g: torch.Generator, b: int, lo: float, hi: float) -> torch.Tensor:
    return torch.rand(b, generator=g) * (hi - lo) + lo


def place(g: torch.Generator, index: torch.Tensor, scale: tuple[float, float], tilt: float) -> Placed:
    b = len(index)
    # mostly upright, sometimes thrown around
    angle = torch.where(torch.rand(b, generator=g) < 0.15, uniform(g, b, -math.pi, math.pi), uniform(g, b, -tilt, tilt))
    tint = 1 + 0.12 * torch.randn(b, 3, generator=g)
    light = torch.exp(0.25 * torch.randn(b, 1, generator=g))
    swap = torch.rand(b, generator=g)
    colour = torch.cat([tint * light, torch.exp(0.2 * torch.randn(b, 1, generator=g)), 0.04 * torch.randn(b, 1, generator=g),
                        (1 - 0.7 * torch.rand(b, 1, generator=g) * (swap < 0.5)[:, None])], 1)
    return Placed(index, torch.zeros(b, 2), torch.exp(uniform(g, b, math.log(scale[0]), math.log(scale[1]))), angle,
                  torch.exp(0.1 * torch.randn(b, generator=g)), torch.sign(torch.rand(b, generator=g) - 0.5), colour)


def layer_grid(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """Sampling grid [B,size,size,2] that shows layer p in the crop (centre [B,2], half [B])."""
    c, s = torch.cos(p.angle), torch.sin(p.angle)
    box = bank.box[p.index]
    kx = box[:, 2] / p.scale * p.flip / p.aspect
    ky = box[:, 2] / p.scale * p.aspect
    dx, dy = centre[:, 0] - p.centre[:, 0], centre[:, 1] - p.centre[:, 1]
    theta = torch.stack([
        torch.stack([kx * c * half, kx * s * half, kx * (c * dx + s * dy) + box[:, 0]], 1),
        torch.stack([-ky * s * half, ky * c * half, ky * (-s * dx + c * dy) + box[:, 1]], 1),
    ], 1)
    return F.affine_grid(theta, [len(theta), 1, size, size], align_corners=False)


def draw(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """float32 [B,4,size,size]: premultiplied RGBA of the layers, colours in 0..1. Layers put far away cost nothing."""
    near = p.centre[:, 0] < 40
    if not near.all():
        out = torch.zeros(len(near), 4, size, size)
        if near.any():
            out[near] = draw(bank, select(p, near), centre[near], half[near], size)
        return out
    t = bank.rgba[p.index].float() / 255
    k = p.colour[:, :, None, None]
    rgb = t[:, :3]
    grey = rgb.mean(1, keepdim=True)
    rgb = (grey + (rgb - grey) * k[:, 5:6]).clamp(1e-3, 1) ** k[:, 3:4] * k[:, :3] + k[:, 4:5]
    t = torch.cat([rgb.clamp(0, 1) * t[:, 3:], t[:, 3:]], 1)
    return F.grid_sample(t, layer_grid(bank, p, centre, half, size), align_corners=False)


def draw_low(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """float32 [B,size,size]: alpha only, from the 32 px bank."""
    return F.grid_sample(bank.low[p.index], layer_grid(bank, p, centre, half, size), align_corners=False)[:, 0]


def repeat(p: Placed, n: int) -> Placed:
    return Placed(*[getattr(p, f).repeat_interleave(n, 0) for f in Placed.__dataclass_fields__])


def select(p: Placed, keep: torch.Tensor) -> Placed:
    return Placed(*[getattr(p, f)[keep] for f in Placed.__dataclass_fields__])


def blur(x: torch.Tensor, radius: int) -> torch.Tensor:
    for _ in range(2):
        x = F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
    return x


def over(front: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    return front[:, :3] + back * (1 - front[:, 3:])


def background(bank: Bank, g: torch.Generator, b: int, size: int) -> torch.Tensor:
    i = torch.randint(len(bank.backgrounds), (b,), generator=g)
    t = bank.backgrounds[i].float() / 255
    k = uniform(g, b, 0.35, 1.0)
    o = (torch.rand(b, 2, generator=g) * 2 - 1) * (1 - k)[:, None]
    flip = torch.sign(torch.rand(b, generator=g) - 0.5)
    zero = torch.zeros(b)
    theta = torch.stack([torch.stack([k * flip, zero, o[:, 0]], 1), torch.stack([zero, k, o[:, 1]], 1)], 1)
    return F.grid_sample(t, F.affine_grid(theta, [b, 1, size, size], align_corners=False), align_corners=False, padding_mode="reflection")


def photo_effects(g: torch.Generator, photo: torch.Tensor) -> torch.Tensor:
    """What cameras do: light falling off, contrast, blur, noise, coarse chroma (as in strong JPEG)."""
    b, _, h, w = photo.shape
    soft = F.avg_pool2d(F.pad(photo, (1, 1, 1, 1), mode="replicate"), 3, 1)
    k = (torch.rand(b, generator=g) * 1.5 - 0.5).clamp(0, 1)[:, None, None, None]
    photo = photo * (1 - k) + soft * k
    chroma = photo - photo.mean(1, keepdim=True)
    coarse = F.interpolate(F.avg_pool2d(chroma, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    photo = torch.where((torch.rand(b, generator=g) < 0.3)[:, None, None, None], photo - chroma + coarse, photo)
    sigma = 0.04 * torch.rand(b, generator=g)[:, None, None, None] ** 2
    return (photo + sigma * torch.randn(photo.shape, generator=g)).clamp(0, 1)


# ---------------------------------------------------------------- completion pairs


def place_to_cover(bank: Bank, g: torch.Generator, target: Placed, occluder: Placed, ratio: torch.Tensor) -> None:
    """Slides the occluder along a random direction until about `ratio` of the target's area is hidden."""
    b, n = len(ratio), 12
    direction = uniform(g, b, -math.pi, math.pi)
    across = 0.35 * torch.randn(b, generator=g)
    reach = 1.1 + occluder.scale
    d = torch.linspace(0, 1, n)[None] * reach[:, None]
    cx = torch.cos(direction)[:, None] * d - (torch.sin(direction) * across)[:, None]
    cy = torch.sin(direction)[:, None] * d + (torch.cos(direction) * across)[:, None]
    many = repeat(occluder, n)
    many.centre = torch.stack([cx, cy], -1).reshape(-1, 2)
    zero, half = torch.zeros(b * n, 2), torch.full((b * n,), 1.3)
    alpha = draw_low(bank, many, zero, half, 28).reshape(b, n, -1)
    t = draw_low(bank, target, zero[:b], half[:b], 28).reshape(b, 1, -1)
    hidden = (alpha * t).sum(-1) / t.sum(-1).clamp(min=1e-3)
    best = (hidden - ratio[:, None]).abs().argmin(1)
    occluder.centre = many.centre.reshape(b, n, 2)[torch.arange(b), best]


def pick(bank: Bank, g: torch.Generator, b: int, objects_only: bool, shapes: float = 0.45) -> torch.Tensor:
    i = torch.multinomial(bank.weights, b, replacement=True, generator=g)
    if objects_only or len(bank.rgba) == bank.objects:
        return i
    j = torch.randint(bank.objects, len(bank.rgba), (b,), generator=g)
    return torch.where(torch.rand(b, generator=g) < shapes, j, i)


def completion_batch(bank: Bank, g: torch.Generator, batch: int, size: int = 64, augment: bool = True,
                     band: tuple[float, float] | None = None) -> dict[str, torch.Tensor]:
    """x0 [B,4,S,S], cond [B,8,S,S] as the denoiser takes them, hidden [B] (the hidden share of the object's area), visible
    and covered [B,1,S,S]: the exact visible mask, and where something is in front or the photo ends."""
    b = batch + max(4, batch // 3)
    target = place(g, pick(bank, g, b, True), (1, 1), 0.26)
    lo, hi = band or (0.0, 0.8)
    ratio = uniform(g, b, lo, hi)
    first = place(g, pick(bank, g, b, False), (0.5, 1.7), 0.5)
    place_to_cover(bank, g, target, first, ratio)
    if band is None:  # sometimes nothing is in front
        first.centre[torch.rand(b, generator=g) < 0.06] = 50.0
    second = place(g, pick(bank, g, b, False), (0.3, 1.0), 0.5)
    place_to_cover(bank, g, target, second, uniform(g, b, 0.02, 0.2))
    second.centre[torch.rand(b, generator=g) > 0.25] = 50.0
    behind = place(g, pick(bank, g, b, False, 0.2), (0.4, 1.6), 0.5)
    away, far = uniform(g, b, -math.pi, math.pi), uniform(g, b, 0.5, 2.2)
    behind.centre = torch.stack([torch.cos(away) * far, torch.sin(away) * far], 1)
    behind.centre[torch.rand(b, generator=g) > 0.45] = 50.0

    # the photo's border, in scene units, may cut the object
    edges = torch.tensor([-50.0, -50.0, 50.0, 50.0]).repeat(b, 1)
    for side in range(4):
        cut = torch.rand(b, generator=g) < 0.09
        sign = -1 if side < 2 else 1
        edges[cut, side] = sign * uniform(g, int(cut.sum()), 0.35, 1.8)

    zero, half = torch.zeros(b, 2), torch.full((b,), 1.3)
    n = 52
    t = draw_low(bank, target, zero, half, n)
    seen = t * (1 - draw_low(bank, first, zero, half, n)) * (1 - draw_low(bank, second, zero, half, n))
    axis = ((torch.arange(n) + 0.5) / n * 2 - 1) * 1.3
    inside_x = (axis > edges[:, :1]) & (axis < edges[:, 2:3])
    inside_y = (axis > edges[:, 1:2]) & (axis < edges[:, 3:4])
    seen = seen * (inside_y[:, :, None] & inside_x[:, None])
    hidden = 1 - seen.sum((1, 2)) / t.sum((1, 2)).clamp(min=1e-3)
    solid = seen > 0.5
    ok = (solid.sum((1, 2)) >= 12) & (hidden <= 0.86)
    if band is not None:
        ok &= (hidden >= lo) & (hidden < hi)
    order = torch.argsort((~ok).int(), stable=True)[:batch]
    target, first, second, behind = (select(p, order) for p in (target, first, second, behind))
    edges, solid, hidden, ok = edges[order], solid[order], hidden[order], ok[order]
    b = batch

    # the crop: centred on the visible part, side = its longest side x 1.6..2.6
    big = torch.tensor(1e9)
    cols, rows = solid.any(1), solid.any(2)
    step = 1.3 / n
    x0, x1 = torch.where(cols, axis, big).amin(1) - step, torch.where(cols, axis, -big).amax(1) + step
    y0, y1 = torch.where(rows, axis, big).amin(1) - step, torch.where(rows, axis, -big).amax(1) + step
    x0, y0, x1, y1 = x0.clamp(-1.3, 1.3), y0.clamp(-1.3, 1.3), x1.clamp(-1.3, 1.3), y1.clamp(-1.3, 1.3)
    centre = torch.stack([x0 + x1, y0 + y1], 1) / 2
    factor = uniform(g, b, 1.6, 2.6) if augment else torch.full((b,), 2.0)
    half = torch.maximum(x1 - x0, y1 - y0).clamp(min=0.15) * factor / 2

    big_size = 2 * size
    whole = draw(bank, target, centre, half, big_size)
    front, side_, back = (draw(bank, p, centre, half, big_size) for p in (first, second, behind))
    photo = over(back, background(bank, g, b, big_size))
    # contact shadows fall on whatever is behind their caster
    soft = F.avg_pool2d(torch.cat([whole[:, 3:], front[:, 3:]], 1), 8)
    soft = F.interpolate(blur(soft, 1), size=(big_size, big_size), mode="bilinear", align_corners=False)
    shift = int(torch.randint(-6, 7, (1,), generator=g))
    soft = torch.roll(soft, (5, shift), (2, 3))
    strength = (torch.rand(b, 2, generator=g) * 0.9 - 0.3).clamp(min=0)[:, :, None, None]
    photo = photo * (1 - strength[:, :1] * soft[:, :1])
    photo = over(whole, photo) * (1 - strength[:, 1:] * soft[:, 1:])
    photo = over(side_, over(front, photo))
    clear = (1 - front[:, 3:]) * (1 - side_[:, 3:])
    mask = whole[:, 3:] * clear
    down = lambda a: F.avg_pool2d(a, 2)  # noqa: E731
    photo, mask, whole, covered = down(photo), down(mask), down(whole), 1 - down(clear)

    pixel = (torch.arange(size) + 0.5) / size * 2 - 1
    sx, sy = centre[:, :1] + pixel * half[:, None], centre[:, 1:] + pixel * half[:, None]
    valid = ((sy > edges[:, 1:2]) & (sy < edges[:, 3:4]))[:, :, None] & ((sx > edges[:, :1]) & (sx < edges[:, 2:3]))[:, None]
    valid = valid[:, None].float()
    mask = mask * valid
    true_mask = mask
    covered = torch.maximum(covered, 1 - valid)
    if augment:
        photo = photo_effects(g, photo)
        # segmenters are not exact: move the mask's edge by a smooth random field, on half of the samples
        field = F.interpolate(torch.randn(b, 1, size // 8, size // 8, generator=g), size=(size, size), mode="bicubic", align_corners=False)
        bias = 0.12 * torch.randn(b, 1, 1, 1, generator=g)
        rough = torch.sigmoid((blur(mask, 1) - 0.5 + bias + 0.15 * field) * 12) * (blur(mask, 1) > 0.02)
        kind = torch.rand(b, 1, 1, 1, generator=g)
        mask = torch.where(kind < 0.4, rough * valid, torch.where(kind < 0.6, (mask > 0.5).float(), mask))
    rgb = (photo * 2 - 1) * valid
    x0 = torch.cat([whole[:, :3] * 2 - whole[:, 3:], whole[:, 3:] * 2 - 1], 1)
    cond = torch.cat([rgb * mask, mask, rgb, valid], 1)
    return {"x0": x0, "cond": cond, "hidden": hidden, "ok": ok, "visible": true_mask, "covered": covered}


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["backgrounds", "preview"])
    ap.add_argument("--out", required=True)
    ap.add_argument("--hdri", type=Path)
    ap.add_argument("--photos", type=Path, nargs="*", default=[])
    ap.add_argument("--data")
    ap.add_argument("--backgrounds")
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    if a.what == "backgrounds":
        np.savez(a.out, rgb=build_backgrounds(a.hdri, a.photos, a.seed))
        return
    import time

    from PIL import Image

    packs = load_pack(a.data, (0,))
    bank = make_bank(packs, [1.0] * len(packs), np.load(a.backgrounds)["rgb"], 600, a.seed)
    g = torch.Generator().manual_seed(a.seed)
    t0 = time.time()
    d = completion_batch(bank, g, 64)
    print(f"{(time.time() - t0) / 64 * 1000:.2f} ms a sample, accepted {d['ok'].float().mean():.2f}")
    cell = [d["cond"][:, 4:7], d["cond"][:, :3], d["cond"][:, 3:4].expand(-1, 3, -1, -1) * 2 - 1, d["x0"][:, :3], d["x0"][:, 3:].expand(-1, 3, -1, -1)]
    rows = torch.cat(cell, 3).reshape(16, 4, 3, 64, -1).permute(0, 3, 1, 4, 2).reshape(16 * 64, -1, 3)
    Image.fromarray(((rows + 1) * 127.5).clamp(0, 255).byte().numpy()).save(a.out)


if __name__ == "__main__":
    main()
