"""Where the voxels of an input view's frustum lie, in the object's world and in the rig's pictures."""

from typing import Optional, Tuple

import torch

from views.body import DISTANCE, FARTHEST, FOCAL_PER_WIDTH, NEAREST, RIG_AZIMUTHS, RIG_ELEVATION, camera
from views.carving import CELLS, REACH
from views.pack import Views

RIG_PIXELS = 64  # of the pictures that silhouettes are compared in; one ray in a block of 2 x 2 is followed
RAYS = RIG_PIXELS // 2
SAMPLES = 48  # a ray, within the ball around the object
BALL = 0.6  # around the object's centre, world units
PASSED = -12.0  # logit of a ray that meets no voxel


class Frame:
    """The crops of some views: what Views.crop(index, size, zoom, shift, mirror) shows, as cameras of the object's world."""

    def __init__(self, views: Views, index: torch.Tensor, size: int, zoom: Optional[torch.Tensor] = None, shift: Optional[torch.Tensor] = None,
                 mirror: Optional[torch.Tensor] = None):
        self.size, self.count = size, len(index)
        self.zoom = views.zoom[index] if zoom is None else zoom
        self.centre = views.centre[index] if shift is None else views.centre[index] + shift
        self.flip = torch.ones_like(self.zoom) if mirror is None else torch.where(mirror, -1.0, 1.0)
        self.elevation, self.distance, self.focal = views.elevation[index], views.distance[index], views.focal[index]
        self.scale = self.zoom * views.unit[index]  # crop units in a world unit

    def centres(self, depths: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """World x [B,D,1,S], y and z [B,D,S,1] of the centres of voxels at `depths` [D], in a world where this view has azimuth 0."""
        axis = (torch.arange(self.size, device=self.zoom.device) + 0.5) / self.size * 2 - 1
        # X = x depth right + y depth up - z towards
        x = (axis * self.flip[:, None] / self.zoom[:, None] + self.centre[:, :1]) / (2 * self.focal[:, None])
        y = -(axis / self.zoom[:, None] + self.centre[:, 1:]) / (2 * self.focal[:, None])
        z = depths[None] / self.scale[:, None]
        depth = self.distance[:, None] + z
        se, ce = self.elevation.sin()[:, None], self.elevation.cos()[:, None]
        wx = (depth[:, :, None] * x[:, None])[:, :, None, :]
        u = depth[:, :, None] * y[:, None]
        wy = (u * ce[..., None] - (z * se)[..., None])[..., None]
        wz = (-u * se[..., None] - (z * ce)[..., None])[..., None]
        return wx, wy, wz


def solid_voxels(frame: Frame, hulls: torch.Tensor, owners: torch.Tensor, step: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
    """Share [B,D,S,S] in 0..1 of the objects `owners` [B] in the frame's voxels; hulls as of carve(), step [B] the views' azimuths."""
    wx, wy, wz = frame.centres(depths)
    a = step.float() * RIG_AZIMUTHS[1]
    sa, ca = (v.reshape(-1, 1, 1, 1) for v in (a.sin(), a.cos()))
    # the frame's world is turned so that its view has azimuth 0; the grid's is not
    gx, gz = ca * wx + sa * wz, -sa * wx + ca * wz

    def cell(w: torch.Tensor) -> torch.Tensor:
        return ((w / REACH + 1) / 2 * CELLS).floor()

    cx, cy, cz = cell(gx), cell(wy).expand_as(gx), cell(gz)
    inside = (torch.maximum(torch.maximum(cx, cy), cz) < CELLS) & (torch.minimum(torch.minimum(cx, cy), cz) >= 0)
    at = ((cz * CELLS + cy) * CELLS + cx).clamp(0, CELLS**3 - 1).long() + owners.reshape(-1, 1, 1, 1) * CELLS**3
    return hulls.reshape(-1)[at].float() / 255 * inside


def picked(pictures: torch.Tensor, which: torch.Tensor, corner: torch.Tensor, views: int) -> torch.Tensor:
    """Of pictures [...,16,RIG_PIXELS,RIG_PIXELS,...], whose views lie along the dimension `views`: some, and one pixel of every 2 x 2."""
    half = 2 * torch.arange(RAYS, device=pictures.device)
    return pictures.index_select(views, which).index_select(views + 1, half + corner[1]).index_select(views + 2, half + corner[0])


class RigRays:
    """Points along the rig's rays, in the world of an input view at azimuth 0."""

    def __init__(self, device: torch.device):
        axis = (torch.arange(RIG_PIXELS, device=device) + 0.5) / RIG_PIXELS - 0.5
        t = DISTANCE + ((torch.arange(SAMPLES, device=device) + 0.5) / SAMPLES * 2 - 1) * BALL
        views = []
        for azimuth in RIG_AZIMUTHS:
            right, up, towards = (v.to(device) for v in camera(torch.tensor(azimuth), torch.tensor(RIG_ELEVATION)))
            rays = (axis[None, :, None] * right - axis[:, None, None] * up) / FOCAL_PER_WIDTH - towards
            views.append(DISTANCE * towards[:, None] + rays[..., None] * t)  # [64,64,3,K]
        self.points = torch.stack(views).permute(3, 0, 1, 2, 4).contiguous()  # [3,16,64,64,K]

    def voxels(self, frame: Frame, which: torch.Tensor, corner: torch.Tensor, depths: int) -> Tuple[torch.Tensor, torch.Tensor]:
        """Voxels int64 [B,V,RAYS,RAYS,K] of the frame's [depths,S,S] that rays of the rig views `which` [V] meet, and bool whether they meet one.
        corner int64 [2]: which pixel, column and row, of every 2 x 2 the rays go through."""
        points = picked(self.points, which, corner, 1)
        b = (-1, 1, 1, 1, 1)
        se, ce = frame.elevation.sin().reshape(b), frame.elevation.cos().reshape(b)
        x, y, z = points[:, None]
        depth = -(y * se + z * ce)
        k = (2 * frame.focal * frame.zoom).reshape(b) / (frame.distance.reshape(b) + depth)
        centre = frame.centre * frame.zoom[:, None]
        u = (x * k - centre[:, 0].reshape(b)) * frame.flip.reshape(b)
        v = (z * se - y * ce) * k - centre[:, 1].reshape(b)
        s = frame.size
        u, v = (u + 1).mul_(s / 2).floor_(), (v + 1).mul_(s / 2).floor_()
        d = (depth * frame.scale.reshape(b) - NEAREST).mul_(depths / (FARTHEST - NEAREST)).floor_()
        inside = (torch.maximum(u, v) < s) & (torch.minimum(torch.minimum(u, v), d) >= 0) & (d < depths)
        return ((d * s + v) * s + u).clamp_(0, depths * s * s - 1).long(), inside


def silhouettes(logits: torch.Tensor, voxels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """The greatest logit [B,V,RAYS,RAYS] that a ray meets; PASSED where it meets none. logits [B,D,S,S]."""
    flat = logits.flatten(1)
    b, shape = len(flat), voxels.shape
    at = voxels.flatten(1)
    with torch.no_grad():
        best = flat.gather(1, at).masked_fill_(~inside.flatten(1), PASSED).reshape(shape).argmax(-1, keepdim=True)
    chosen = voxels.gather(-1, best)[..., 0]
    met = inside.gather(-1, best)[..., 0]
    found = flat.gather(1, chosen.flatten(1)).reshape(chosen.shape)
    return torch.where(met, found, torch.full_like(found, PASSED))
