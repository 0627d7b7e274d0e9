"""Crops rendered input views the way the network wants them. Shared by training, evaluation and the denoiser's data.

The frame: the object's alpha box (alpha > 0.5) centred, its longest side 200/256 of the frame's width. The crop is treated as seen by a rig
camera: distance 1.5, focal length 280/256 of the width. So one frame width is 1.5 / 1.09375 = 1.371 world units in the plane through the
object's centre, and depths grow by the same factor as the picture.
"""
import numpy as np
import torch
import torch.nn.functional as F

FILL = 200 / 256


class Views:
    def __init__(self, path, splits):
        data = np.load(path)
        rows = np.flatnonzero(np.isin(data["split"], splits))
        self.rows = rows
        self.rgba = torch.from_numpy(data["rgba"][rows])
        self.front = torch.from_numpy(data["front"][rows])
        self.back = torch.from_numpy(data["back"][rows])
        self.back_rgb = torch.from_numpy(data["back_rgb"][rows])
        self.elevation = torch.from_numpy(data["elevation"][rows])
        self.distance = torch.from_numpy(data["distance"][rows])
        self.step = torch.from_numpy(data["step"][rows].astype(np.int64))
        self.object_id = torch.from_numpy(data["object_id"][rows].astype(np.int64))
        self.source = torch.from_numpy(data["source"][rows].astype(np.int64))
        n = self.rgba.shape[-2]
        inside = self.rgba[..., 3] > 127
        xs, ys = inside.any(1), inside.any(2)
        first = lambda m: m.float().argmax(1)
        last = lambda m: n - m.flip(1).float().argmax(1)
        x0, x1, y0, y1 = first(xs), last(xs), first(ys), last(ys)
        self.centre = torch.stack([(x0 + x1) / 2, (y0 + y1) / 2], 1) / n * 2 - 1  # in [-1,1] of the rendered frame
        self.zoom = FILL / (torch.maximum(x1 - x0, y1 - y0) / n)
        self.keep = torch.nonzero(self.zoom < 2.3).flatten()  # an object seen end on would grow too deep

    def crop(self, index, size=64, zoom=None, shift=None, mirror=None):
        """Returns rgba [B,4,S,S] straight in [0,1], front, back [B,1,S,S], back_rgb [B,3,S,S], zoom [B], centre [B,2]."""
        zoom = self.zoom[index] if zoom is None else zoom
        centre = self.centre[index] if shift is None else self.centre[index] + shift
        rgba = self.rgba[index].permute(0, 3, 1, 2).float() / 255
        alpha = rgba[:, 3:]
        solid = (alpha > 0).float()
        planes = torch.cat([rgba[:, :3] * alpha, alpha, solid, self.front[index][:, None].float() * solid, self.back[index][:, None].float() * solid,
                            self.back_rgb[index].permute(0, 3, 1, 2).float() / 255 * solid], 1)
        b, over = len(index), size * 2
        axis = (torch.arange(over) + 0.5) / over * 2 - 1
        grid = torch.stack([axis[None].expand(over, over), axis[:, None].expand(over, over)], -1)[None] / zoom.reshape(b, 1, 1, 1)
        if mirror is not None:
            grid = grid * torch.stack([torch.where(mirror, -1.0, 1.0), torch.ones(b)], -1).reshape(b, 1, 1, 2)
        grid = grid + centre.reshape(b, 1, 1, 2)
        planes = F.avg_pool2d(F.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False), 2)
        solid = planes[:, 4:5].clamp_min(1e-4)
        alpha = planes[:, 3:4]
        rgb = planes[:, :3] / alpha.clamp_min(1e-4) * (alpha > 1e-3)
        scale = zoom.reshape(b, 1, 1, 1)
        present = (planes[:, 4:5] > 1e-3).float()
        return (torch.cat([rgb.clamp(0, 1), alpha], 1), planes[:, 5:6] / solid * scale * present, planes[:, 6:7] / solid * scale * present,
                (planes[:, 7:10] / solid * present).clamp(0, 1), zoom, centre)
