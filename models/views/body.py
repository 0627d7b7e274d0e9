"""Renders the 16 rig views of layered bodies. The reference for the TypeScript port; README.md states the algorithm in words.

World: right-handed, +Y up, the object's centre at the origin, the input camera at azimuth 0 (on the +Z side). All functions take a batch
of bodies and run on the device of their tensors.
"""

import math
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F

FOCAL_PER_WIDTH = 1.09375  # of a camera at distance 1.5
DISTANCE = 1.5
NEAR, FAR = DISTANCE - 0.87, DISTANCE + 0.87
MIN_THICKNESS = 0.02
RIG_ELEVATION = math.radians(30)
RIG_AZIMUTHS = tuple(math.radians(22.5 * i) for i in range(16))


def camera(azimuth: torch.Tensor, elevation: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Unit vectors [...,3] (right, up, towards the camera) of cameras that look at the origin; angles [...] in radians."""
    sa, ca, se, ce = azimuth.sin(), azimuth.cos(), elevation.sin(), elevation.cos()
    zero = torch.zeros_like(sa)
    return torch.stack([ca, zero, -sa], -1), torch.stack([-sa * se, ce, -ca * se], -1), torch.stack([sa * ce, se, ca * ce], -1)
NEAREST, FARTHEST = -0.96, 0.84  # of a volume's voxels, world units from the plane through the object's centre
SOLID_ABOVE = -0.5  # of a volume's logits; chosen on the validation objects


class Body:
    """rgba [B,4,S,S] straight in [0,1]; layers [B,5,S,S] front, back, back colour; elevation [B] in radians.

    input_distance: distance of the input camera in body units; its focal length is such that one frame width is always
    1.5 / 1.09375 in the plane through the centre.
    """

    def __init__(self, rgba: torch.Tensor, layers: torch.Tensor, elevation: torch.Tensor, input_distance: float = DISTANCE):
        inside = (rgba[:, 3:] > 0.5).float()
        front = layers[:, :1]
        back = torch.maximum(layers[:, 1:2], front + MIN_THICKNESS)
        planes = torch.cat([inside, front * inside, back * inside, rgba[:, 3:], rgba[:, :3] * inside, layers[:, 2:] * inside], 1)
        self.count, self.size = len(rgba), rgba.shape[-1]
        self.rows = planes.permute(0, 2, 3, 1).reshape(-1, 10)  # mask, front, back, alpha, front colour, back colour
        self.right, self.up, self.towards = camera(torch.zeros_like(elevation), elevation)
        self.distance = input_distance
        self.focal = FOCAL_PER_WIDTH * input_distance / DISTANCE
        self.low, self.high = self._box(inside[:, 0] > 0, front[:, 0], back[:, 0])

    def _box(self, inside: torch.Tensor, front: torch.Tensor, back: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Least and greatest world coordinates [B,3] of the points of both surfaces."""
        u = (torch.arange(self.size, device=front.device) + 0.5) / self.size - 0.5
        low = torch.full((self.count, 3), math.inf, device=front.device)
        high = -low
        for z in (front, back):
            k = (self.distance + z) / self.focal
            x, y = u * k, -u[:, None] * k
            for axis in range(3):
                at = x * self.right[:, axis, None, None] + y * self.up[:, axis, None, None] - z * self.towards[:, axis, None, None]
                low[:, axis] = torch.minimum(low[:, axis], at.masked_fill(~inside, math.inf).amin((1, 2)))
                high[:, axis] = torch.maximum(high[:, axis], at.masked_fill(~inside, -math.inf).amax((1, 2)))
        return low, high

    def corners(self, which: torch.Tensor, x: torch.Tensor) -> Tuple[List[Tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
        """The four pixels around where the camera of body `which` int64 [N] sees the points x [N,3], as rows int64 [N] of a [B S S,...] table and
        bilinear weights [N], zero outside the frame; and the points' offsets [N] along the viewing axis."""
        z = -(x * self.towards[which]).sum(1)
        k = self.focal / (self.distance + z).clamp(min=0.05)
        u = ((x * self.right[which]).sum(1) * k + 0.5) * self.size - 0.5
        v = (0.5 - (x * self.up[which]).sum(1) * k) * self.size - 0.5
        left, top = u.floor(), v.floor()
        found = []
        for dx in (0, 1):
            for dy in (0, 1):
                cx, cy = left + dx, top + dy
                weight = (1 - (u - cx).abs()) * (1 - (v - cy).abs()) * ((cx >= 0) & (cx < self.size) & (cy >= 0) & (cy < self.size))
                found.append(((which * self.size + cy.clamp(0, self.size - 1).long()) * self.size + cx.clamp(0, self.size - 1).long(), weight))
        return found, z

    def look_up(self, which: torch.Tensor, x: torch.Tensor, columns: slice) -> Tuple[torch.Tensor, torch.Tensor]:
        """Bilinear values [N,columns] of body `which` where its camera sees the points x, and their offsets [N] along the viewing axis."""
        found, z = self.corners(which, x)
        return torch.stack([self.rows[:, columns].index_select(0, cell) * weight[:, None] for cell, weight in found]).sum(0), z

    def inside(self, which: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """bool [N] of points x [N,3]."""
        found, z = self.look_up(which, x, slice(0, 4))
        m, front, back, alpha = found.unbind(1)
        w = m.clamp(min=1e-6)
        return (alpha > 0.5) & (m > 1e-3) & (z >= front / w) & (z <= back / w)

    def colour(self, which: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """[N,3] in about 0..1 of points x [N,3] on or in the body."""
        found, z = self.look_up(which, x, slice(0, 10))
        w = found[:, :1].clamp(min=1e-6)
        front, back = found[:, 1] / w[:, 0], found[:, 2] / w[:, 0]
        s = ((z - front) / (back - front).clamp(min=1e-6)).clamp(0, 1)
        s = ((s - 0.35) / 0.3).clamp(0, 1)
        s = (s * s * (3 - 2 * s))[:, None]
        return (found[:, 4:7] * (1 - s) + found[:, 7:] * s) / w

    def normalised_placement(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """scale [B], offset [B,3] with body point = scale * (world point - offset), so that the world's box is centred with longest side 1."""
        scale = (self.high - self.low).amax(1).clamp(0.3, 3.0)
        return scale, -(self.low + self.high) / 2 / scale[:, None]


class VolumeBody(Body):
    """A body whose inside is given by voxels of its camera's frustum: volume [B,5+D,S,S] = layers (for the colours), then logits of being
    solid at D depths a pixel. Inside is where they, interpolated, are above `threshold`."""

    def __init__(self, rgba: torch.Tensor, volume: torch.Tensor, elevation: torch.Tensor, input_distance: float = DISTANCE, threshold: float = 0.0):
        self.logits = volume[:, 5:].permute(0, 2, 3, 1).contiguous() - threshold  # [B,S,S,D]
        self.depths = self.logits.shape[3]
        self.step = (FARTHEST - NEAREST) / self.depths
        super().__init__(rgba, volume[:, :5], elevation, input_distance)

    def _box(self, inside: torch.Tensor, front: torch.Tensor, back: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        some = (self.logits > 0).any(3)
        return super()._box(inside & some, NEAREST + self.step * self._rise(self.logits), FARTHEST - self.step * self._rise(self.logits.flip(3)))

    @staticmethod
    def _rise(logits: torch.Tensor) -> torch.Tensor:
        """Where along its pixel [B,S,S] a row of logits [B,S,S,D] first passes zero, in voxels from the first one's near side."""
        first = (logits > 0).byte().argmax(3, keepdim=True)
        here, before = logits.gather(3, first)[..., 0], logits.gather(3, (first - 1).clamp(min=0))[..., 0]
        share = torch.where(first[..., 0] > 0, here / (here - before).clamp(min=1e-6), torch.full_like(here, 0.5))
        return first[..., 0] + 0.5 - share

    def inside(self, which: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        found, z = self.corners(which, x)
        w = ((z - NEAREST) / self.step - 0.5).clamp(0, self.depths - 1)
        low = w.floor().clamp(max=self.depths - 2)
        flat, high = self.logits.reshape(-1), w - low
        mask = alpha = logit = torch.zeros_like(z)
        for cell, weight in found:
            row = self.rows.index_select(0, cell)
            at = cell * self.depths + low.long()
            mask, alpha = mask + weight * row[:, 0], alpha + weight * row[:, 3]
            logit = logit + weight * row[:, 0] * (flat[at] * (1 - high) + flat[at + 1] * high)
        return (z > NEAREST) & (z < FARTHEST) & (alpha > 0.5) & (mask > 1e-3) & (logit > 0)


def render_view(body: Body, n: int, steps: int, bisections: int, azimuth: float, elevation: float, scale: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """RGBA [B,4,n,n] of one ray a pixel: colours of the first hit, alpha 1 or 0."""
    device, b = body.rows.device, body.count
    axis = (torch.arange(n, device=device) + 0.5) / n - 0.5
    x, y = axis[None, :, None].expand(n, n, 1), -axis[:, None, None].expand(n, n, 1)
    step = (FAR - NEAR) / steps
    right, up, towards = (v.to(device) for v in camera(torch.tensor(azimuth), torch.tensor(elevation)))
    rays = (x * right + y * up - FOCAL_PER_WIDTH * towards).reshape(1, -1, 3) / FOCAL_PER_WIDTH  # one unit of t is one unit of depth
    start = scale[:, None] * (towards * DISTANCE - offset)
    slope = scale[:, None, None] * rays
    slope = torch.where(slope.abs() < 1e-9, torch.full_like(slope, 1e-9), slope)
    # 1. Only samples inside the body's bounding box can be inside the body; the others are not looked up.
    planes = (body.low[:, None] - 0.03 - start[:, None]) / slope, (body.high[:, None] + 0.03 - start[:, None]) / slope
    enter, leave = torch.minimum(*planes).amax(2).reshape(-1), torch.maximum(*planes).amin(2).reshape(-1)
    slope = slope.reshape(-1, 3)
    k0 = torch.ceil((enter - NEAR) / step - 0.5).clamp(0, steps).long()
    k1 = (torch.floor((leave - NEAR) / step - 0.5) + 1).clamp(0, steps).long()
    count = (k1 - k0).clamp(min=0)
    ray = torch.repeat_interleave(torch.arange(b * n * n, device=device), count)
    k = torch.arange(len(ray), device=device) - (count.cumsum(0) - count)[ray] + k0[ray]

    def at(chosen: torch.Tensor, t: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        which = torch.div(chosen, n * n, rounding_mode="floor")
        return which, start[which] + slope[chosen] * t[:, None]

    # 2. The first sample inside, then bisections against the one before it; the inside end is kept.
    hit = body.inside(*at(ray, NEAR + (k + 0.5) * step))
    first = torch.full((b * n * n,), steps, device=device).scatter_reduce(0, ray[hit], k[hit], "amin")
    near = torch.nonzero(first < steps).flatten()
    high = NEAR + (first[near] + 0.5) * step
    low = high - step
    for _ in range(bisections):
        middle = (low + high) / 2
        inside = body.inside(*at(near, middle))
        high, low = torch.where(inside, middle, high), torch.where(inside, low, middle)
    out = torch.zeros(b * n * n, 4, device=device)
    out[near, :3] = body.colour(*at(near, high)).clamp(0, 1)
    out[near, 3] = 1.0
    return out.reshape(b, n, n, 4).permute(0, 3, 1, 2)


def render(body: Body, size: int = 64, over: int = 2, steps: int = 128, bisections: int = 5, azimuths: Sequence[float] = RIG_AZIMUTHS,
           elevation: float = RIG_ELEVATION, scale: Optional[torch.Tensor] = None, offset: Optional[torch.Tensor] = None) -> torch.Tensor:
    """Straight RGBA [B,views,4,size,size] from over x over rays a pixel. scale [B] and offset [B,3] place the bodies (see
    normalised_placement); default: as they are."""
    scale = torch.ones(body.count, device=body.rows.device) if scale is None else scale
    offset = torch.zeros(body.count, 3, device=body.rows.device) if offset is None else offset
    images = []
    for azimuth in azimuths:
        image = F.avg_pool2d(render_view(body, size * over, steps, bisections, azimuth, elevation, scale, offset), over)
        images.append(torch.cat([image[:, :3] / image[:, 3:].clamp(min=1e-6), image[:, 3:]], 1))
    return torch.stack(images, 1)
