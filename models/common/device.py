"""Where a recipe runs, and what that machine can do."""

import contextlib
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from typing import Any, ContextManager, Dict, List, Optional

import torch


TORCH_MAJOR = int(torch.__version__.split(".")[0])


@dataclass(frozen=True)
class Machine:
    """A device with its number format. `half` is bfloat16 where the device computes in it, else None (float32)."""

    device: torch.device
    half: Optional[torch.dtype]

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    def autocast(self) -> ContextManager[Any]:
        """Mixed precision in bfloat16; nothing where it is not offered. bfloat16 needs no loss scaling."""
        if self.half is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.half)

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator(device=self.device).manual_seed(seed)

    def wait(self) -> None:
        """Returns when the device has done all that was asked of it."""
        if self.cuda:
            torch.cuda.synchronize()

    def describe(self) -> Dict[str, Any]:
        name = torch.cuda.get_device_name(self.device) if self.cuda else f"CPU, {torch.get_num_threads()} threads"
        return {"device": name, "torch": torch.__version__, "half": str(self.half).replace("torch.", "")}


def open_machine(name: str = "auto", threads: int = 0) -> Machine:
    """name: auto, cpu or cuda. threads: of the CPU; 0 is one on a CPU run (two thrash as soon as anything else runs) and PyTorch's choice on a GPU.

    Throws ValueError where cuda is asked for and missing.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"--device: expected auto, cpu or cuda, came {name}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch sees no CUDA device; install a CUDA build of PyTorch or use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(threads or 1)
        # PyTorch 1.13's CPU autocast leaves group_norm with operands of two types.
        return Machine(torch.device("cpu"), torch.bfloat16 if TORCH_MAJOR >= 2 else None)
    if threads:
        torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # TF32 where something stays in float32
    torch.backends.cudnn.benchmark = True
    return Machine(torch.device("cuda"), torch.bfloat16 if torch.cuda.is_bf16_supported() else None)


class Meter:
    """Mean utilisation and peak memory of the GPU since the last reading, from nvidia-smi in the background; empty readings without it."""

    def __init__(self, machine: Machine):
        self.samples: List[float] = []
        self.process: Optional[subprocess.Popen] = None
        self.machine = machine
        if machine.cuda and shutil.which("nvidia-smi"):
            query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "1000"]
            if "CUDA_VISIBLE_DEVICES" in os.environ:
                query += ["-i", os.environ["CUDA_VISIBLE_DEVICES"].split(",")[0]]
            self.process = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            first = line.strip()
            if first.isdigit():
                self.samples.append(float(first))

    def read(self) -> Dict[str, float]:
        """{"gpu": per cent, "gib": peak of this process's memory}, or what of it is known."""
        out: Dict[str, float] = {}
        if self.machine.cuda:
            out["gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
        taken, self.samples = self.samples, []
        if taken:
            out["gpu"] = round(sum(taken) / len(taken))
        return out

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
