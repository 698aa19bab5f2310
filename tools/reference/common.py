# SPDX-License-Identifier: MIT
"""Shared by the sets: numbers from names, checksums, and functions that compare and write a set.

The recipe: value i (0-based, C order) of the tensor NAME is

    seed  = FNV-1a-64(NAME)
    z     = splitmix64(seed + i)                     u = (z >> 40) / 2^24
    value = offset + scale * (2u - 1)                in double, then float32, then the file's kind of number

with scale and offset by kind of tensor (scale_offset).  tests/recipe.c has the same formula.
"""
import json
import math
import os
import sys
import warnings
import zlib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402  (after OMP_NUM_THREADS)

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
SHARED = ROOT.parent / "shared"  # optional test data beside the checkout
MINI = ROOT / "models" / "drawn-world-mini"
MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)


# ---- numbers from names -------------------------------------------------------------------------------------------

def fnv1a64(name: str) -> int:
    h = 0xCBF29CE484222325
    for b in name.encode("ascii"):
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def stream(name: str, index: np.ndarray) -> np.ndarray:
    """Returns the splitmix64 outputs number `index` of the stream `name`, as uint64."""
    u64 = np.uint64
    with np.errstate(over="ignore"):
        s = index.astype(u64) + u64(fnv1a64(name)) + u64(0x9E3779B97F4A7C15)
        s = (s ^ (s >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        s = (s ^ (s >> u64(27))) * u64(0x94D049BB133111EB)
        return s ^ (s >> u64(31))


def scale_offset(name: str, shape: tuple) -> tuple:
    """Returns scale and offset. sqrt(3 / fan in) gives variance 1 / fan in; the gains keep attention sharp and the
    embeddings of images different."""
    if name == "logit_scale":
        return 0.0, 4.605170185988092
    norm = "layer_norm" in name or "layrnorm" in name or "layernorm" in name
    if norm and name.endswith(".weight"):
        return 0.4, 1.0
    for end, scale in ((".bias", 0.2), ("token_embedding.weight", 1.5), ("position_embedding.weight", 0.5), ("class_embedding", 0.3)):
        if name.endswith(end):
            return scale, 0.0
    gain = 2.0 if name.endswith("patch_embedding.weight") else 1.6 if name.endswith(("q_proj.weight", "k_proj.weight")) else 1.0
    return gain * math.sqrt(3.0 / math.prod(shape[1:])), 0.0


def tensor(name: str, shape: tuple) -> np.ndarray:
    scale, offset = scale_offset(name, shape)
    u = (stream(name, np.arange(math.prod(shape))) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return (offset + scale * (2.0 * u - 1.0)).astype(np.float32).reshape(shape)


def pixels(side: int, n: int) -> np.ndarray:
    """Returns uint8 [n, side, side, 3]: cells of one colour, 8 + 8j pixels wide in image j, with noise of a quarter."""
    j, y, x, c = np.ogrid[:n, :side, :side, :3]
    cell = 8 + 8 * j
    coarse = stream("pixels.cells", ((j * 256 + y // cell) * 256 + x // cell) * 3 + c) >> np.uint64(56)
    fine = stream("pixels.noise", ((j * 4096 + y) * 4096 + x) * 3 + c) >> np.uint64(56)
    return ((3 * coarse + fine) >> np.uint64(2)).astype(np.uint8)


def planes(u8: np.ndarray) -> np.ndarray:
    """Returns float32 [n, 3, side, side], preprocessed like CLIPImageProcessor (Pillow-backed) for pixels of the
    right size."""
    f = (u8.astype(np.float64) * (1 / 255)).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis((f - MEAN) / STD, -1, 1)).astype(np.float32)


# ---- torch --------------------------------------------------------------------------------------------------------

def quiet_torch():
    """Sets torch to one thread, no gradients, no progress bars."""
    import torch
    import transformers
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return torch


def round_to_bf16(net) -> None:
    """Rounds weights and inputs of every matrix product to bf16, and keeps sums in fp32, like goldpan's bf16."""
    import torch
    for part in net.modules():
        if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d)):
            part.weight.data = part.weight.data.bfloat16().float()
            part.register_forward_pre_hook(lambda _, a: (a[0].bfloat16().float(),))


def largest_cosine(e: np.ndarray) -> float:
    c = e.astype(np.float64) @ e.astype(np.float64).T
    return round(float(c[~np.eye(len(c), dtype=bool)].max()), 4)


# ---- files --------------------------------------------------------------------------------------------------------

def crc(data) -> str:
    """Returns the CRC-32 of bytes, or of an array in C order, as 8 hex digits."""
    return f"{zlib.crc32(np.ascontiguousarray(data).tobytes() if isinstance(data, np.ndarray) else data):08x}"


def ids_crc(ids) -> str:
    return crc(np.asarray(ids, "<i4"))


def read_rows(path: Path, key: str) -> tuple:
    """Returns head and rows of a file that write_rows wrote."""
    head = json.loads(path.read_text("ascii"))
    return head, head.pop(key)


def write_rows(path: Path, head: dict, key: str, rows: list) -> None:
    """Writes one JSON object whose `key` contains the rows, one row per line, so that diffs are readable."""
    lines = [json.dumps(r, separators=(",", ":")) for r in rows]
    body = json.dumps(head, indent=1)[:-2].rstrip()
    path.write_text(f'{body},\n "{key}": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n", "ascii")


def different(old, new, name: str = ""):
    """Yields the differences between two rows, one line for each difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        for k in dict.fromkeys([*old, *new]):
            yield from different(old.get(k), new.get(k), f"{name} {k}".strip())
    elif old != new:
        yield f"{name}: committed {old!r:.60}, made anew {new!r:.60}"


def close(old: np.ndarray, new: np.ndarray, within: float) -> bool:
    return old.shape == new.shape and bool((abs(old.astype(np.float64) - new) <= within).all())


def verdict(name: str, what: str, bad: list) -> int:
    """Prints the one line of a set (and its first differences on stderr).  Returns the exit code."""
    for line in bad[:20]:
        print(f"{name}: {line}", file=sys.stderr)
    if len(bad) > 20:
        print(f"{name}: and {len(bad) - 20} more", file=sys.stderr)
    print(f"{name:8s} {what}: {f'{len(bad)} DIFFERENT' if bad else 'equal'}", flush=True)
    return 1 if bad else 0
