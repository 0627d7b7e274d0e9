"""Procedural pictures: materials, soft shapes, palettes. What occluders are made of beside cut-outs."""

import math

import numpy as np
import torch
import torch.nn.functional as F

TEX = 128  # pixels a side of every texture


def noise(rng: np.random.Generator, octaves: int, base: int = 2, persistence: float = 0.55) -> np.ndarray:
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


def palette(rng: np.random.Generator, n: int) -> np.ndarray:
    """float32 [n,3]: colours near each other more often than not, as in real materials."""
    base = rng.random(3)
    if rng.random() < 0.5:
        base = base * 0.25 + base.mean() * 0.75
    spread = rng.choice([0.08, 0.2, 0.5])
    return np.clip(base + spread * rng.standard_normal((n, 3)), 0, 1).astype(np.float32)


def smooth_shape(rng: np.random.Generator) -> np.ndarray:
    """float32 [TEX,TEX] alpha: blob, ellipse, box, bar, polygon or ring, somewhat soft at the edge."""
    y, x = (np.mgrid[0:TEX, 0:TEX].astype(np.float32) + 0.5) / TEX * 2 - 1
    kind = rng.integers(0, 6)
    if kind == 0:
        d = 0.75 - np.hypot(x, y) + (noise(rng, 3) - 0.5) * 1.1
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
