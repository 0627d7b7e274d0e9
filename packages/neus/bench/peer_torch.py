"""The fit's training step as a PyTorch CPU graph: the peer of `npm run bench -- neus`.

Model, losses and optimiser are those of packages/neus/README.md: hash grid of 8 levels x 2^15 x 2, networks 19-32-16 and 18-32-32-3, NeuS opacity from
consecutive samples, colour on the samples that weigh most, soft L1 colour + cross-entropy mask + 4-tap eikonal term, Adam. Rays are synthetic (through a
textured ball) and every ray has the same number of samples, so that all is rectangular: no gather or compaction is charged to this side.

Written for speed: points are the contiguous axis, all levels and corners go through one gather and one scatter-add with a backward of its own (6 to 8 times
faster than index, embedding or embedding_bag and their backward), hashes in int32, rectangular top-k instead of masks, the library's foreach Adam.

Talks in lines: reads {"threads": n, "steps": k}, answers {"samples": S, "seconds": t, "cpu": t}. Ends with its input.
"""

import argparse
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument('--rays', type=int, default=2048)
parser.add_argument('--samples', type=int, default=24, help='samples a ray')
parser.add_argument('--colored', type=int, default=8, help='of these with a colour')
parser.add_argument('--resolutions', default='16,22,31,44,61,85,120,168')
parser.add_argument('--table', type=int, default=1 << 15)
parser.add_argument('--sharpness', type=float, default=400.0)
parser.add_argument('--plain', action='store_true', help='the table as an embedding with its own backward, as such models are usually written')
parser.add_argument('--compile', action='store_true', help='torch.compile the step')
args = parser.parse_args()
torch.manual_seed(1)

RESOLUTIONS = [int(n) for n in args.resolutions.split(',')]
LEVELS = len(RESOLUTIONS)


class Interpolate(torch.autograd.Function):
    """Sum over the 8 corners of weight times table row, and its gradient by scatter-add: table [2, T], at and weight [8, L, N] -> [2, L, N]."""

    @staticmethod
    def forward(ctx, table, at, weight):
        ctx.save_for_backward(at, weight)
        ctx.entries = table.shape[1]
        flat = at.flatten()
        return torch.stack([(plane.index_select(0, flat).view_as(weight) * weight).sum(0) for plane in table])

    @staticmethod
    def backward(ctx, gradient):
        at, weight = ctx.saved_tensors
        flat = at.flatten()
        out = torch.zeros(2, ctx.entries)
        for plane, part in zip(out, gradient):
            plane.scatter_add_(0, flat, (weight * part).flatten())
        return out, None, None


class Field(nn.Module):
    """SDF and colour of points in the unit cube. Points are columns everywhere: [channels, N]."""

    def __init__(self):
        super().__init__()
        offsets, offset = [], 0
        for n in RESOLUTIONS:
            offsets.append(offset)
            offset += min((n + 1) ** 3, args.table)
        self.table = nn.Parameter(torch.empty(*((offset, 2) if args.plain else (2, offset))).uniform_(-1e-4, 1e-4))
        self.dense = sum((n + 1) ** 3 <= args.table for n in RESOLUTIONS)  # the first levels
        self.edge = torch.tensor(RESOLUTIONS, dtype=torch.float32)[:, None]
        self.offset = torch.tensor(offsets, dtype=torch.int32)[:, None]
        stride = torch.tensor(RESOLUTIONS[: self.dense], dtype=torch.int32)[:, None] + 1
        rest = torch.ones(LEVELS - self.dense, 1, dtype=torch.int32)
        # products wrap around in int32 as they do in u32
        self.step_y = torch.cat([stride, rest * (2654435761 - (1 << 32))])
        self.step_z = torch.cat([stride * stride, rest * 805459861])
        self.layers = nn.ParameterList()
        for ins, outs in ((19, 32), (32, 16), (18, 32), (32, 32), (32, 3)):
            self.layers.append(torch.randn(outs, ins) * (2 / ins) ** 0.5)
            self.layers.append(torch.zeros(outs, 1))

    def linear(self, k, x):
        return torch.addmm(self.layers[2 * k + 1], self.layers[2 * k], x)

    @torch.no_grad()
    def address(self, u):
        """Places in the table and weights of the 8 corners [8, L, N] of points [3, N]."""
        g = u[:, None] * self.edge
        cell = torch.minimum(g.floor(), self.edge - 1)
        high = g - cell
        low = 1 - high
        x, y, z = cell.to(torch.int32)
        y, z = y * self.step_y, z * self.step_z
        xs, ys, zs = (x, x + 1), (y, y + self.step_y), (z, z + self.step_z)
        d = self.dense
        at = torch.empty(8, *x.shape, dtype=torch.int64)
        weight = torch.empty(8, *x.shape)
        for corner in range(8):
            i, j, k = corner & 1, corner >> 1 & 1, corner >> 2
            at[corner, :d] = xs[i][:d] + ys[j][:d] + zs[k][:d] + self.offset[:d]
            at[corner, d:] = ((xs[i][d:] ^ ys[j][d:] ^ zs[k][d:]) & (args.table - 1)) + self.offset[d:]
            torch.mul((low, high)[i][0] * (low, high)[j][1], (low, high)[k][2], out=weight[corner])
        return at, weight

    def sdf(self, u):
        """Distance and geometry features [16, N] of points [3, N]."""
        at, weight = self.address(u)
        if args.plain:
            features = (F.embedding(at, self.table) * weight[..., None]).sum(0).permute(2, 0, 1).flatten(0, 1)
        else:
            features = Interpolate.apply(self.table, at, weight).flatten(0, 1)
        out = self.linear(1, torch.relu(self.linear(0, torch.cat([2 * u - 1, features]))))
        # starts as a ball, to which the networks add little
        ball = (u - 0.5).norm(dim=0, keepdim=True) - 0.35
        return torch.cat([out[:1] * 0.1 + ball, out[1:]])

    def color(self, geometry, u):
        """[3, N]"""
        h = torch.relu(self.linear(2, torch.cat([geometry, 2 * u - 1])))
        return torch.sigmoid(self.linear(4, torch.relu(self.linear(3, h))))


field = Field()
networks = list(field.layers)
options = {'betas': (0.9, 0.99), 'eps': 1e-10}
groups = [{'params': [field.table], 'lr': 5e-3}, {'params': networks, 'lr': 1e-2}]
optimizer = torch.optim.Adam(groups, foreach=True, **options)


def batch():
    """Rays at a ball: points around its surface [3, R, S], colour [3, R] and alpha [R]."""
    rays, samples = args.rays, args.samples
    direction = F.normalize(torch.randn(rays, 3), dim=1)
    side = F.normalize(torch.cross(direction, torch.randn(rays, 3), dim=1), dim=1)
    miss = torch.rand(rays, 1) * 0.42
    enter = (0.35**2 - miss**2).clamp(min=0).sqrt()
    t = -enter + (torch.arange(samples) - samples * 0.6 + torch.rand(rays, 1)) * 0.008
    u = (0.5 + side * miss).t()[:, :, None] + direction.t()[:, :, None] * t
    alpha = (miss[:, 0] < 0.35).float()
    rgb = 0.5 + 0.35 * torch.sin(14 * u[:, :, int(samples * 0.6)])
    return u.clamp(0, 1), rgb, alpha


def loss_of(u, rgb, alpha):
    rays, samples, colored, s = args.rays, args.samples, args.colored, args.sharpness
    # one evaluation of the ray's samples and of the four taps of one eikonal point a ray
    point = u[:, :, samples // 2]
    tap = 1 / RESOLUTIONS[-1]
    taps = torch.cat([point] + [point + tap * torch.eye(3)[:, c : c + 1] for c in range(3)], 1)
    flat = u.flatten(1)
    out = field.sdf(torch.cat([flat, taps], 1))
    f = out[0, : rays * samples].view(rays, samples)
    e = torch.exp(-(s * f).clamp(-30, 30))
    stay = ((1 + e[:, :-1]) / (1 + e[:, 1:])).clamp(max=1)
    stay = torch.cat([1 / (1 + e[:, :1]), stay], 1)  # the entry
    through = torch.cumprod(stay, 1)
    before = torch.cat([torch.ones(rays, 1), through[:, :-1]], 1)
    weight = before - through  # [R, S]
    sample_weight = torch.cat([(weight[:, :-1] + weight[:, 1:]) / 2, weight[:, -1:] / 2], 1)
    top, which = sample_weight.topk(colored, 1, sorted=False)
    row = (torch.arange(rays)[:, None] * samples + which).flatten()
    c = field.color(out.index_select(1, row)[1:], flat.index_select(1, row)).view(3, rays, colored)
    color = (top * c).sum(2)
    total = weight.sum(1)
    background = torch.rand(3, rays)
    predicted = color + (1 - total) * background
    target = alpha * rgb + (1 - alpha) * background
    color_loss = ((predicted - target).square().sum(0) + 1e-3).sqrt().mean()
    mask_loss = F.binary_cross_entropy(total.clamp(1e-2, 1 - 1e-2), alpha)
    f4 = out[0, rays * samples :].view(4, rays)
    slope = ((f4[1:] - f4[0]) / tap).square().sum(0).add(1e-12).sqrt()
    return color_loss + 0.3 * mask_loss + 0.1 * (slope - 1).square().mean()


graph = torch.compile(loss_of) if args.compile else loss_of


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = graph(*batch())
    loss.backward()
    optimizer.step()
    return loss


print(json.dumps({'torch': torch.__version__}), flush=True)
threads = 0
for line in sys.stdin:
    order = json.loads(line)
    if order['threads'] != threads:
        threads = order['threads']
        torch.set_num_threads(threads)
        step()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(order['steps']):
        loss = step()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if not torch.isfinite(loss):
        sys.exit('the loss is not finite')
    samples = order['steps'] * args.rays * args.samples
    print(json.dumps({'samples': samples, 'seconds': seconds, 'cpu': cpu, 'loss': loss.item()}), flush=True)
