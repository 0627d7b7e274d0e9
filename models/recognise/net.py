"""The image tower: what the completion prior's encoder sees in a picture, and a linear map from there to the space of the text table."""

from typing import Any, Dict

import torch
import torch.nn as nn
import torch.nn.functional as F

from complete.prior import Prior
from recognise.table import DIMS

# The parts of the prior that lie before its decoder.
ENCODER = ("hints", "stem", "e0", "d1", "e1", "d2", "e2", "d3", "mid")


class ImageTower(nn.Module):
    """picture [B,4,S,S] -> unit vectors [B,DIMS].

    Channels: colours in -1..1 times the mask, and the mask in 0..1: where the object is, or 1 all over for a photograph.
    prior: the configuration of the prior whose encoder this is.
    """

    def __init__(self, prior: Dict[str, Any]):
        super().__init__()
        whole = Prior(**prior)
        self.size = prior.get("size", 64)
        self.unshuffle, self.deep = whole.unshuffle, whole.deep
        self.register_buffer("grid", whole.grid, persistent=False)
        for name in ENCODER:
            if hasattr(whole, name):
                setattr(self, name, getattr(whole, name))
        with torch.no_grad():
            width = self.features(torch.zeros(1, 4, self.size, self.size)).shape[1]
        self.head = nn.Linear(width, DIMS)

    def features(self, picture: torch.Tensor) -> torch.Tensor:
        """float32 [B,F]: means over quarters of the coarsest level and its largest values; means and largest values of the level before."""
        # the prior wants visible part, its mask, photo and where that has pixels
        cond = torch.cat([picture, picture[:, :3], torch.ones_like(picture[:, :1])], 1)
        x = torch.cat([cond, self.hints(cond), self.grid + torch.zeros_like(cond[:, :2])], 1)
        before = self.e1(self.d1(self.e0(self.stem(F.pixel_unshuffle(x, self.unshuffle)))))
        last = self.d2(before)
        if self.deep:
            before = self.e2(last)
            last = self.d3(before)
        last, before = self.mid(last).float(), before.float()
        return torch.cat([F.avg_pool2d(last, last.shape[-1] // 2).flatten(1), last.amax((2, 3)), before.mean((2, 3)), before.amax((2, 3))], 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        h = self.head(self.features(picture))
        return h / (h * h).sum(1, keepdim=True).clamp(min=1e-12).sqrt()


def tower_from(prior: Prior, config: Dict[str, Any]) -> ImageTower:
    """A tower with the encoder of a trained prior."""
    tower = ImageTower(config)
    theirs = {name: value for name, value in prior.state_dict().items() if name.split(".")[0] in ENCODER}
    tower.load_state_dict({**tower.state_dict(), **theirs})
    return tower
