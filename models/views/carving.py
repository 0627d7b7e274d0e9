"""The solid shapes of the pack's objects, as far as pictures tell: the visual hull of the 16 rig views, carved further by the nearest and the
farthest surface of every input view (Kutulakos and Seitz, A Theory of Shape by Space Carving, 1999, without colours).
"""

from typing import Any, Dict

import numpy as np
import torch
import torch.nn.functional as F

from views.body import DISTANCE, FOCAL_PER_WIDTH, RIG_AZIMUTHS, RIG_ELEVATION, camera
from views.pack import Views, turned

CELLS = 64  # along each side of an object's grid
REACH = 0.52  # of the grid, world units to each side; objects reach 0.5
SLACK = 0.02  # world units by which a depth may be wrong before it carves


def centres(device: torch.device) -> torch.Tensor:
    """World coordinates [CELLS^3,3] of the cells, x fastest."""
    axis = ((torch.arange(CELLS, device=device) + 0.5) / CELLS * 2 - 1) * REACH
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([x, y, z], -1).reshape(-1, 3)


def projected(points: torch.Tensor, azimuth: torch.Tensor, elevation: torch.Tensor, distance: float, focal: float) -> torch.Tensor:
    """points [N,3] -> [N,3]: x, y of the picture in [-1,1], y down, and the offset along the viewing axis."""
    right, up, towards = camera(azimuth, elevation)
    z = -(points @ towards)
    k = 2 * focal / (distance + z)
    return torch.stack([points @ right * k, -(points @ up) * k, z], 1)


def nearest(at: torch.Tensor, size: int) -> torch.Tensor:
    """Places [N,2] in [-1,1] -> int64 [N] of pixels, row by row; size^2 outside the picture."""
    x, y = ((at[:, 0] + 1) / 2 * size).floor(), ((at[:, 1] + 1) / 2 * size).floor()
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    return torch.where(inside, y * size + x, torch.full_like(x, size * size)).long()


def carve(pack: Dict[str, Any], views: Views) -> torch.Tensor:
    """uint8 [O,CELLS,CELLS,CELLS] (order z, y, x) of the pack's objects, 255 inside; zeros for objects that `views` does not show. The grids'
    azimuth is that of rig view 0."""
    device = views.rgba.device
    rig = pack["rig"]
    size = 2 * rig.shape[2]  # nearest pixels of a picture twice as fine are as good as interpolation
    points = centres(device)
    elevation = torch.tensor(RIG_ELEVATION, device=device)
    cells = [nearest(projected(points, torch.tensor(a, device=device), elevation, DISTANCE, FOCAL_PER_WIDTH)[:, :2], size).to(torch.int32) for a in RIG_AZIMUTHS]
    hulls = torch.zeros(len(rig), CELLS**3, dtype=torch.uint8, device=device)
    for o in views.object.unique().tolist():
        alpha = torch.from_numpy(np.ascontiguousarray(rig[o, ..., 3])).to(device)[:, None].float()
        alpha = F.interpolate(alpha, size=(size, size), mode="bilinear", align_corners=False)
        alpha = F.max_pool2d(alpha, 3, 1, 1).byte().reshape(16, -1)  # half a pixel wider, or parts thinner than a cell are lost
        alpha = F.pad(alpha, (0, 1))
        least = alpha[0].index_select(0, cells[0])
        for picture, where in zip(alpha[1:], cells[1:]):
            least = torch.minimum(least, picture.index_select(0, where))
        hulls[o] = least
    for row in range(len(views.object)):
        o = int(views.object[row])
        left = torch.nonzero(hulls[o]).flatten()
        at = projected(points[left], views.step[row] * RIG_AZIMUTHS[1], views.elevation[row], float(views.distance[row]), float(views.focal[row]))
        place = turned(at[None, None, :, :2], views.roll[row : row + 1])[0, 0]
        size = views.rgba.shape[1]
        pixel = nearest(place, size).clamp(max=size * size - 1)
        front, back = (d[row].reshape(-1)[pixel].float() for d in (views.front, views.back))
        kept = (views.rgba[row, ..., 3].reshape(-1)[pixel] > 127) & (at[:, 2] >= front - SLACK) & (at[:, 2] <= back + SLACK)
        hulls[o, left[~kept]] = 0
    return hulls.reshape(-1, CELLS, CELLS, CELLS)
