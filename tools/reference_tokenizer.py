#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ids of the nasty texts by the mini tokenizer: tests/golden/tokenizer/nasty_mini.json.

    pip install tokenizers==0.23.3
    python3 tools/reference_tokenizer.py [--check]

The pipeline is transformers' CLIPTokenizer (5.23) written out; fed with OpenAI's vocabulary it gives the ids of nasty.json.
Kept is the CRC32 of each text's ids (int32, little endian), both special tokens included, not cut."""
import json
import struct
import sys
import zlib
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/tokenizer"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def load(folder):
    vocab = json.loads((folder / "vocab.json").read_text("utf-8"))
    merges = [tuple(line.split(" ")) for line in (folder / "merges.txt").read_text("utf-8").split("\n")[1:] if line]
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, continuing_subword_prefix="", end_of_word_suffix="</w>",
                             fuse_unk=False, unk_token=EOS))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.post_processor = processors.RobertaProcessing((EOS, vocab[EOS]), (BOS, vocab[BOS]), trim_offsets=False,
                                                    add_prefix_space=False)
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in (BOS, EOS)])
    return t


def ids_crc(ids):
    return f"{zlib.crc32(struct.pack(f'<{len(ids)}i', *ids)):08x}"


def main():
    texts = [r["text"] for r in json.loads((GOLDEN / "nasty.json").read_text("utf-8"))["texts"]]
    mini = load(ROOT / "models/drawn-world-mini")
    sums = [ids_crc(mini.encode(t).ids) for t in texts]
    rows = [" " + ",".join(f'"{s}"' for s in sums[i:i + 10]) for i in range(0, len(sums), 10)]
    text = ('{"what": "CRC32 of the ids of nasty.json\'s texts by models/drawn-world-mini",\n"crc32": [\n' +
            ",\n".join(rows) + "\n]}\n")
    target = GOLDEN / "nasty_mini.json"
    if sys.argv[1:] == ["--check"]:
        if target.read_text("ascii") != text:
            sys.exit("nasty_mini.json differs from what the reference says")
    else:
        target.write_text(text, "ascii")


if __name__ == "__main__":
    main()
