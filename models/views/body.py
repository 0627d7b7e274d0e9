"""Renders the 16 rig views of a layered body. The reference for the TypeScript port; README.md states the algorithm in words.

World: right-handed, +Y up, the object's centre at the origin, the input camera at azimuth 0 (on the +Z side).
"""
import math

import torch
import torch.nn.functional as F

FOCAL_PER_WIDTH = 1.09375  # of a camera at distance 1.5
DISTANCE = 1.5
NEAR, FAR = DISTANCE - 0.87, DISTANCE + 0.87
MIN_THICKNESS = 0.02


def camera(azimuth, elevation):
    """Unit vectors (right, up, towards the camera) of a camera that looks at the origin."""
    sa, ca, se, ce = math.sin(azimuth), math.cos(azimuth), math.sin(elevation), math.cos(elevation)
    return torch.tensor([ca, 0.0, -sa]), torch.tensor([-sa * se, ce, -ca * se]), torch.tensor([sa * ce, se, ca * ce])


class Body:
    """rgba [4,S,S] straight in [0,1]; front, back [S,S]; back_rgb [3,S,S]; elevation in radians.

    input_distance: distance of the input camera in body units; its focal length is such that one frame width is always
    1.5 / 1.09375 in the plane through the centre.
    """

    def __init__(self, rgba, front, back, back_rgb, elevation, input_distance=DISTANCE):
        inside = (rgba[3:] > 0.5).float()
        back = torch.maximum(back, front + MIN_THICKNESS)
        self.depth_planes = torch.cat([inside, front[None] * inside, back[None] * inside, rgba[3:]])[None]
        self.colour_planes = torch.cat([inside, rgba[:3] * inside, back_rgb * inside])[None]
        self.right, self.up, self.towards = camera(0.0, elevation)
        self.distance = input_distance
        self.focal = FOCAL_PER_WIDTH * input_distance / DISTANCE

    def project(self, x):
        """Body points [N,3] -> frame position in [-1,1] (x right, y down) and the offset along the viewing axis."""
        z = -(x @ self.towards)
        depth = (self.distance + z).clamp_min(0.05)
        return torch.stack([2 * self.focal * (x @ self.right) / depth, -2 * self.focal * (x @ self.up) / depth], -1), z

    def inside(self, x):
        p, z = self.project(x)
        m, front, back, alpha = F.grid_sample(self.depth_planes, p[None, None], align_corners=False)[0, :, 0]
        w = m.clamp_min(1e-6)
        return (alpha > 0.5) & (m > 1e-3) & (z >= front / w) & (z <= back / w)

    def colour(self, x):
        p, z = self.project(x)
        m, front, back, _ = F.grid_sample(self.depth_planes, p[None, None], align_corners=False)[0, :, 0]
        c = F.grid_sample(self.colour_planes, p[None, None], align_corners=False)[0, :, 0]
        w = m.clamp_min(1e-6)
        s = ((z - front / w) / (back / w - front / w).clamp_min(1e-6)).clamp(0, 1)
        s = ((s - 0.35) / 0.3).clamp(0, 1)
        s = s * s * (3 - 2 * s)
        return (c[1:4] * (1 - s) + c[4:7] * s) / w

    def points(self):
        """World points of the front and back surfaces [N,3]."""
        inside = self.depth_planes[0, 0] > 0
        size = inside.shape[0]
        v, u = torch.nonzero(inside, as_tuple=True)
        result = []
        for plane in (1, 2):
            z = self.depth_planes[0, plane][v, u]
            k = (self.distance + z) / self.focal
            x, y = ((u + 0.5) / size - 0.5) * k, (0.5 - (v + 0.5) / size) * k
            result.append(x[:, None] * self.right + y[:, None] * self.up - z[:, None] * self.towards)
        return torch.cat(result)

    def normalised_placement(self):
        """(scale, offset) with body point = scale * (world point - offset), so that the world's box is centred with longest side 1."""
        p = self.points()
        low, high = p.amin(0), p.amax(0)
        scale = float((high - low).max().clamp(0.3, 3.0))
        return scale, -(low + high) / 2 / scale


def render(body, size=64, over=2, steps=128, bisections=5, azimuths=None, elevation=math.radians(30), scale=1.0, offset=None):
    """Returns straight RGBA [views,4,size,size]."""
    azimuths = [math.radians(22.5 * i) for i in range(16)] if azimuths is None else azimuths
    offset = torch.zeros(3) if offset is None else offset
    n = size * over
    axis = (torch.arange(n) + 0.5) / n - 0.5
    step = (FAR - NEAR) / steps
    box = body.points()
    low_box, high_box = box.amin(0) - 0.03, box.amax(0) + 0.03
    images = []
    for azimuth in azimuths:
        right, up, towards = camera(azimuth, elevation)
        x, y = axis[None, :, None].expand(n, n, 1), -axis[:, None, None].expand(n, n, 1)
        rays = (x * right + y * up - FOCAL_PER_WIDTH * towards).reshape(-1, 3) / FOCAL_PER_WIDTH  # one unit of t is one unit of depth
        to_body = lambda r, t: scale * (towards * DISTANCE + r * t[..., None] - offset)
        # Only samples inside the body's bounding box can be inside the body; the others are not looked up.
        start, slope = scale * (towards * DISTANCE - offset), scale * rays
        slope = torch.where(slope.abs() < 1e-9, torch.full_like(slope, 1e-9), slope)
        a, b = (low_box - start) / slope, (high_box - start) / slope
        enter, leave = torch.minimum(a, b).amax(1), torch.maximum(a, b).amin(1)
        k0 = torch.ceil((enter - NEAR) / step - 0.5).clamp(0, steps).long()
        k1 = (torch.floor((leave - NEAR) / step - 0.5) + 1).clamp(0, steps).long()
        count = (k1 - k0).clamp_min(0)
        ray = torch.repeat_interleave(torch.arange(n * n), count)
        k = torch.arange(len(ray)) - torch.repeat_interleave(count.cumsum(0) - count, count) + k0[ray]
        hit = body.inside(to_body(rays[ray], NEAR + (k + 0.5) * step))
        first = torch.full((n * n,), steps).scatter_reduce(0, ray[hit], k[hit], "amin")
        near = torch.nonzero(first < steps).flatten()
        high = NEAR + (first[near] + 0.5) * step
        low = high - step
        rays_hit = rays[near]
        for _ in range(bisections):
            middle = (low + high) / 2
            inside = body.inside(to_body(rays_hit, middle))
            high, low = torch.where(inside, middle, high), torch.where(inside, low, middle)
        out = torch.zeros(4, n * n)
        out[:3, near] = body.colour(to_body(rays_hit, high)).clamp(0, 1)
        out[3, near] = 1.0
        image = F.avg_pool2d(out.reshape(1, 4, n, n), over)[0]
        images.append(torch.cat([image[:3] / image[3:].clamp_min(1e-6), image[3:]]))
    return torch.stack(images)
