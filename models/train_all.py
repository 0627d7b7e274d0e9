"""Trains all networks within a budget, for a GPU that is at hand for half an hour.

    python models/train_all.py --packs DIR --out RUNS --minutes 28 [--call-minutes 9]

DIR holds complete.pack and views.pack (or .npz files with the same arrays). Every network gets its share of the minutes and its own folder
in RUNS; calling again goes on where the last call stopped, also after a kill. --call-minutes ends a call early where commands may only
run so long.

While one network trains, the next one already reads its data and compiles: on a GPU it starts OVERLAP seconds before its turn, so that
the card is never idle. What depends on another network does not follow it directly, because it needs that one's final weights.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import torch

HERE = Path(__file__).resolve().parent
OVERLAP = 45.0  # seconds: reading a pack and compiling


@dataclass(frozen=True)
class Task:
    name: str
    share: float  # of the minutes
    script: str
    options: Tuple[str, ...]
    needs: Optional[str] = None  # the task whose weights it starts from
    flag: str = ""


TASKS = (
    Task("prior", 0.15, "complete/train.py", ("--model", "prior", "--data", "complete")),
    Task("layers", 0.18, "views/train.py", ("--model", "layers", "--data", "views")),
    Task("denoiser", 0.24, "complete/train.py", ("--model", "denoiser", "--data", "complete"), "prior", "--prior"),
    Task("volume", 0.15, "views/train.py", ("--model", "volume", "--data", "views"), "layers", "--layers"),
    Task("joint", 0.08, "views/train.py", ("--model", "joint", "--data", "views"), "layers", "--layers"),
    Task("segment", 0.10, "segment/train.py", ("--data", "complete")),
    Task("recognise", 0.10, "recognise/train.py", ("--data", "complete"), "prior", "--prior"),
)


def events(folder: Path) -> List[Dict[str, float]]:
    log = folder / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def finished(folder: Path) -> bool:
    return any("done" in e for e in events(folder))


def spent_minutes(folder: Path) -> float:
    """Of the run so far, as its log says."""
    return max((e["minutes"] for e in events(folder) if "minutes" in e), default=0.0)


def data(folder: Path, name: str) -> str:
    """The pack, or the .npz in its place. Throws FileNotFoundError."""
    for path in (folder / f"{name}.pack", folder / f"{name}.npz"):
        if path.exists():
            return str(path)
    raise FileNotFoundError(f"{folder / name}.pack: expected a pack made by `npm run data`")


class Session:
    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.began = time.time()
        self.overlap = OVERLAP if args.device != "cpu" and torch.cuda.is_available() else 0.0
        self.running: Dict[str, subprocess.Popen] = {}
        self.ends: Dict[str, float] = {}
        self.failed: List[str] = []
        self.stopped = False

    def total(self, index: int) -> float:
        """Minutes of a task's run: its share, and on a GPU the time in which it gets ready beside the one before."""
        return self.args.minutes * TASKS[index].share + (self.overlap / 60 if index else 0.0)

    def start(self, index: int) -> None:
        task = TASKS[index]
        options = list(task.options)
        options[-1] = data(self.args.packs, options[-1])
        if task.needs:
            options += [task.flag, str(self.args.out / task.needs)]
        folder = self.args.out / task.name
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(HERE / task.script), *options, "--out", str(folder), "--minutes", f"{self.total(index):.4f}", "--resume",
                   "--device", self.args.device, "--preset", self.args.preset, "--seed", str(self.args.seed)]
        with open(folder / "output.txt", "a") as output:
            self.running[task.name] = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        left = self.total(index) - spent_minutes(folder)
        self.ends[task.name] = time.time() + 60 * left
        self.note(f"{task.name} starts, {left:.1f} minutes")

    def note(self, text: str) -> None:
        print(f"{(time.time() - self.began) / 60:6.2f} min  {text}", flush=True)

    def stop(self, *_: object) -> None:
        """Every running training ends after its step, with a checkpoint."""
        self.stopped = True
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)

    def ready(self, index: int) -> bool:
        """Whether a task may start beside the one before it."""
        if self.overlap == 0 or index == len(TASKS) or TASKS[index].name in self.running or finished(self.args.out / TASKS[index].name):
            return False
        return TASKS[index].needs not in (TASKS[index - 1].name, *self.failed)

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        for index, task in enumerate(TASKS):
            folder = self.args.out / task.name
            if finished(folder):
                continue
            if task.needs in self.failed:
                self.note(f"{task.name} is left out: it needs {task.needs}")
                self.failed.append(task.name)
                continue
            if task.name not in self.running:
                self.start(index)
            status = self.wait(index)
            for line in events(folder)[-2:]:
                self.note(f"{task.name}: {json.dumps(line)}")
            if self.stopped:
                for other in self.running.values():
                    other.wait()
                self.note("stopped; the same command goes on")
                return 3
            if status:  # the others still deserve the machine's time
                tail = (folder / "output.txt").read_text().splitlines()[-15:]
                self.note(f"{task.name} failed with {status}:\n" + "\n".join(tail))
                self.failed.append(task.name)
        self.note(f"failed: {', '.join(self.failed)}" if self.failed else "all networks are trained")
        return 1 if self.failed else 0

    def wait(self, index: int) -> int:
        """Until the task's process ends; its exit status. Starts the next one in time, and ends the call when its time is over."""
        process, ends = self.running[TASKS[index].name], self.ends[TASKS[index].name]
        while process.poll() is None:
            time.sleep(0.5)
            if self.stopped:
                continue
            if self.args.call_minutes and time.time() - self.began > 60 * self.args.call_minutes:
                self.note("the call's time is over: checkpointing")
                self.stop()
            elif time.time() > ends - self.overlap and self.ready(index + 1):
                self.start(index + 1)
        return process.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains all networks within a budget.")
    parser.add_argument("--packs", type=Path, required=True, help="folder with complete.pack and views.pack")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="of wall clock for all networks, over all calls")
    parser.add_argument("--call-minutes", type=float, help="checkpoint and end this call (exit status 3) after so much")
    parser.add_argument("--preset", choices=["auto", "cpu", "gpu"], default="auto")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--seed", type=int, default=0)
    sys.exit(Session(parser.parse_args()).run())


if __name__ == "__main__":
    main()
