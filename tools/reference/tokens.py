# SPDX-License-Identifier: MIT
"""Ids by transformers' CLIPTokenizer (and open_clip's) and the Unicode tables behind them: tests/golden/tokenizer.

nasty.json        691 texts: ids by OpenAI's vocabulary; open_clip's where they differ; those under the hub's own
                  tokenizer_config.json where that changes them.  The texts, their groups and the reasons are input.
nasty_mini.json   CRC-32 of the same texts' ids by the bundled model's tokenizer
mini.json         captions and ids by the bundled model's tokenizer, whole and cut to 77
classes.tsv       which code points the tokenizer treats as letters, numbers and white space, tested for each code point
lowercase.tsv     which code points the tokenizer's lower-casing changes, tested in the same way
If ../shared has prompt sets (golden/encode/tokenizer), their lines are checked too.

OpenAI's vocabulary is built from the merge list in the package open_clip_torch.
"""
import csv
import gzip
import hashlib
import importlib.util
import json
import tempfile
from pathlib import Path

from .common import GOLDEN, MINI, SHARED, crc, different, ids_crc, read_rows, verdict, write_rows

HERE = GOLDEN / "tokenizer"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
BPE_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
MERGES = 49152 - 256 - 2
# The tokenizer_config.json of openai/clip-vit-* on the hub marks the special tokens as "normalized".
HUB_CONFIG = {"tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "model_max_length": 77, "pad_token": EOS,
              **{k: {"__type": "AddedToken", "content": c, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
                 for k, c in (("bos_token", BOS), ("eos_token", EOS), ("unk_token", EOS))}}


def write_vocabulary(out: Path) -> None:
    """Writes vocab.json and merges.txt of openai/clip-vit-*: bytes, bytes at a word's end, merges, two special
    tokens."""
    raw = (Path(importlib.util.find_spec("open_clip").submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == BPE_SHA256, "not OpenAI's list of merges"
    merges = gzip.decompress(raw).decode("utf-8").split("\n")[1:1 + MERGES]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    chars = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    words = [*chars, *(c + "</w>" for c in chars), *("".join(m.split()) for m in merges), BOS, EOS]
    (out / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}), "utf-8")
    (out / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")


def openai_tokenizer(config: dict | None = None):
    from transformers import CLIPTokenizer
    with tempfile.TemporaryDirectory() as d:
        write_vocabulary(Path(d))
        if config:
            (Path(d) / "tokenizer_config.json").write_text(json.dumps(config))
        return CLIPTokenizer.from_pretrained(d)


def nasty_row(old: dict, tokenizers: tuple) -> dict:
    fast, hub, simple = tokenizers
    text = old["text"]
    ids = fast(text)["input_ids"]
    row = {k: old[k] for k in ("id", "group", "text")} | {"ids": ids}
    cut = fast(text, truncation=True, max_length=77)["input_ids"]
    if cut != ids:
        assert cut == ids[:76] + [49407]
        row["cut77"] = True
    by_open_clip = [49406, *simple.encode(text), 49407]
    if by_open_clip != ids:
        row |= {"open_clip": by_open_clip, "why": old.get("why", "")}
    by_hub = hub(text)["input_ids"]
    if by_hub != ids:
        row["hub_normalized_specials"] = by_hub
    return row


def mini_row(old: dict, tokenizer) -> dict:
    text = old["text"]
    return {"text": text, "ids": tokenizer(text)["input_ids"], "ids77": tokenizer(text, truncation=True, max_length=77)["input_ids"]}


def members(pattern: str, points: list) -> list:
    """Returns the code points that the pattern matches in the tokenizers package."""
    from tokenizers import Regex, pre_tokenizers
    split, out = pre_tokenizers.Split(Regex(pattern), behavior="removed"), []
    for i in range(0, len(points), 8192):
        chunk = points[i:i + 8192]
        missed = bytearray(len(chunk))
        for _, (a, b) in split.pre_tokenize_str("".join(map(chr, chunk))):
            missed[a:b] = b"\1" * (b - a)
        out += [c for c, m in zip(chunk, missed) if not m]
    return out


def unicode_tables(fast) -> dict:
    from tokenizers import normalizers
    points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    classes, lower = "class\tfirst\tlast\n", "from\tto\n"
    for name, pattern in (("L", r"\p{L}"), ("N", r"\p{N}"), ("S", r"\s")):
        ranges = []
        for c in members(pattern, points):
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
        classes += "".join(f"{name}\t{a:04X}\t{b:04X}\n" for a, b in ranges)
    step = normalizers.Lowercase()
    for c in points:
        to = step.normalize_str(chr(c))
        if to != chr(c):
            lower += f"{c:04X}\t{' '.join(f'{ord(x):04X}' for x in to)}\n"
    return {"classes.tsv": classes, "lowercase.tsv": lower}


def mini_sums(tokenizer, texts: list) -> str:
    sums = [ids_crc(tokenizer(t)["input_ids"]) for t in texts]
    rows = [" " + ",".join(f'"{s}"' for s in sums[i:i + 10]) for i in range(0, len(sums), 10)]
    return '{"what": "CRC32 of the ids of nasty.json\'s texts by models/drawn-world-mini",\n"crc32": [\n' + ",\n".join(rows) + "\n]}\n"


def prompt_lines(folder: Path):
    """Yields (set, index, text) for each text of the prompt sets in the folder beside the repository."""
    with open(folder / "PartiPrompts.tsv", encoding="utf-8", newline="") as f:
        at = f.readline().rstrip("\n").split("\t").index("Prompt")
        yield from (("parti", i, line.rstrip("\r\n").split("\t")[at]) for i, line in enumerate(f))
    with open(folder / "dsg-1k-anns.csv", encoding="utf-8", newline="") as f:
        yield from (("dsg", i, t) for i, t in enumerate(dict.fromkeys(r["text"] for r in csv.DictReader(f))))
    with open(folder / "geneval_evaluation_metadata.jsonl", encoding="utf-8") as f:
        yield from (("geneval", i, json.loads(line)["prompt"]) for i, line in enumerate(x for x in f if x.strip()))
    for name, file, field in (("ir_bench", "imagereward_benchmark-prompts.json", "prompt"), ("ir_test", "imagereward_test_rankings.json", "prompt"),
                              ("tifa", "tifa_v1.0_text_inputs.json", "caption"), ("tifa_human", "tifa_human_annotations_with_scores.json", "text")):
        rows = json.loads((folder / file).read_text("utf-8"))
        yield from ((name, i, r[field]) for i, r in enumerate(rows.values() if isinstance(rows, dict) else rows))


def shared_prompts(fast) -> tuple:
    """Returns the number of checked lines, and the differences."""
    table, folder = SHARED / "golden" / "encode" / "tokenizer" / "prompts.tsv", SHARED / "data" / "prompts"
    if not (table.exists() and folder.exists()):
        return 0, []
    rows = iter(table.read_text("ascii").splitlines()[1:])
    n, bad = 0, []
    for n, (name, i, text) in enumerate(prompt_lines(folder), 1):
        ids = fast(text)["input_ids"]
        cut = ids if len(ids) <= 77 else ids[:76] + [49407]
        if next(rows, None) != f"{name}\t{i}\t{crc(text.encode())}\t{len(ids)}\t{ids_crc(ids)}\t{ids_crc(cut)}":
            bad.append(f"prompts.tsv: {name} {i}: {text!r:.60}")
    return n, bad + [f"prompts.tsv: {left.split()[:2]} has no text" for left in rows]


def run(args) -> int:
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer
    fast, mini = openai_tokenizer(), CLIPTokenizer.from_pretrained(MINI)
    tokenizers = (fast, openai_tokenizer(HUB_CONFIG), SimpleTokenizer())
    head, old = read_rows(HERE / "nasty.json", "texts")
    new = [nasty_row(r, tokenizers) for r in old]
    mini_head, mini_old = read_rows(HERE / "mini.json", "texts")
    mini_new = [mini_row(r, mini) for r in mini_old]
    sha = {f"{n}_sha256": hashlib.sha256((MINI / f).read_bytes()).hexdigest() for n, f in (("vocab", "vocab.json"), ("merges", "merges.txt"))}
    bad = [f"{file}: {o['text']!r:.40}: {d}" for file, a, b in (("nasty.json", old, new), ("mini.json", mini_old, mini_new)) for o, n in zip(a, b) for d in different(o, n)]
    bad += [f"mini.json: {d}" for d in different({k: mini_head[k] for k in sha}, sha)]
    texts = unicode_tables(fast) | {"nasty_mini.json": mini_sums(mini, [r["text"] for r in old])}
    bad += [f"{f}: differs" for f, t in texts.items() if (HERE / f).read_text("ascii") != t]
    lines, wrong = shared_prompts(fast) if args.check else (0, [])
    if args.check:
        more = f", {lines} prompts beside the checkout" if lines else ""
        return verdict("tokens", f"{len(new)} nasty texts by both vocabularies, {len(mini_new)} captions, Unicode tables{more}, exact", bad + wrong)
    write_rows(HERE / "nasty.json", head, "texts", new)
    write_rows(HERE / "mini.json", mini_head | sha, "texts", mini_new)
    for f, t in texts.items():
        (HERE / f).write_text(t, "ascii")
    print(f"tokens: {len(new) + len(mini_new)} texts and 2 tables written, {len(bad)} differences")
    return 0
