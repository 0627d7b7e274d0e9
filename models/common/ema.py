"""The exponential moving average of a network's weights: what is validated and shipped."""

import copy

import torch


class Average:
    """Follows `model`. The decay rises with the steps, (1 + n) / (10 + n), up to `limit`, so that short runs are averaged too.

    The update runs over lists of tensors: one launch on a GPU in place of one for every parameter.
    """

    def __init__(self, model: torch.nn.Module, limit: float):
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.limit = limit
        self.ours = [p.data for p in self.model.parameters()]
        self.theirs = [p.data for p in model.parameters()]

    def update(self, step: int) -> None:
        decay = min(self.limit, (1 + step) / (10 + step))
        torch._foreach_mul_(self.ours, decay)
        torch._foreach_add_(self.ours, self.theirs, alpha=1 - decay)
