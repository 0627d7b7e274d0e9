"""torch.compile where it helps, decided before the clock of a run counts."""

import time
from typing import Any, Callable, Dict, Tuple

import torch

from common.device import Machine


def compiled(model: torch.nn.Module, choice: str, machine: Machine, try_out: Callable[[Callable[..., Any]], None]) -> Tuple[Callable[..., Any], Dict[str, Any]]:
    """The network to train with, and what is to be noted about it. choice: auto (on a GPU), on, off.

    `try_out` runs one step forward and back with the given network, so that compilation happens here. Where a machine cannot compile
    (no C compiler, no Triton) and the choice was auto, the plain network is returned with the reason.
    """
    if choice == "off" or (choice == "auto" and not (machine.cuda and hasattr(torch, "compile"))):
        return model, {"compiled": False}
    start = time.time()
    try:
        fast = torch.compile(model)
        try_out(fast)
        machine.wait()
    except Exception as reason:  # a compiler's failures have no common class
        if choice == "on":
            raise
        return model, {"compiled": False, "because": str(reason).strip().splitlines()[0][:200]}
    return fast, {"compiled": True, "compile_s": round(time.time() - start, 1)}
