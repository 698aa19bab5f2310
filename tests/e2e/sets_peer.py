# SPDX-License-Identifier: MIT
"""Reads an export with all formats by pyarrow, pandas, numpy, Hugging Face datasets and webdataset, and compares them
with picks.json.  Usage: sets_peer.py FOLDER IMAGEFOLDER [fiftyone]; with `fiftyone` also by FiftyOne's importer."""
import glob
import json
import math
import os
import sys
import tempfile

out, imagefolder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
cache = tempfile.TemporaryDirectory(prefix="goldpan-peer-")
os.environ.update(HF_HOME=cache.name, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

import datasets  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402
import webdataset  # noqa: E402


def file(*parts):
    return os.path.join(out, *parts)


def content(path):
    with open(path, "rb") as source:
        return source.read()


def equal(got, want, what):
    assert got == want, "%s: %r, not %r" % (what, got, want)


with open(file("picks.json"), encoding="utf-8") as source:
    records = json.load(source)
with open(file("embeddings.jsonl"), encoding="utf-8") as source:
    embedded = [json.loads(line) for line in source]
columns = list(records[0])


def check_rows(rows, wanted, what, names=columns):
    equal(len(rows), len(wanted), what)
    for row, record in zip(rows, wanted):
        for name in names:
            want = record[name]
            if name == "settings" and want is not None:
                want = json.loads(row[name]) and want
                equal(json.loads(row[name]), record[name], what + " settings")
                continue
            equal(row[name], want, "%s, column %s" % (what, name))


# --- Parquet
table = parquet.read_table(file("picks.parquet"))
equal(str(table.schema.field("seed").type), "uint64", "type of seed")
check_rows(table.to_pylist(), records, "pyarrow")
equal(table.column_names, columns + ["image_embedding", "text_embedding"], "columns")
frame = pandas.read_parquet(file("picks.parquet"))
equal([None if pandas.isna(p) else p for p in frame["prompt"]], [r["prompt"] for r in records], "pandas prompt")
# pandas has no missing integers: it reads a column with missing ones as double, unless pyarrow's types are asked for
exact = pandas.read_parquet(file("picks.parquet"), dtype_backend="pyarrow")
equal([None if pandas.isna(s) else int(s) for s in exact["seed"]], [r["seed"] for r in records], "pandas seed")
assert 2 ** 64 - 1 in [r["seed"] for r in records]
assert [math.isnan(s) for s in frame["score"]] == [r["score"] is None for r in records]

# --- NumPy arrays, and clip-retrieval's layout
vectors = numpy.load(file("embeddings.npy"), mmap_mode="r")
equal(vectors.shape[0], len(embedded), "rows of embeddings.npy")
assert numpy.array_equal(vectors, numpy.array([v for v in table["image_embedding"].to_pylist() if v], dtype="float32"))
check_rows(parquet.read_table(file("metadata", "metadata_0.parquet")).to_pylist(), embedded, "clip-retrieval")
metadata = pandas.read_parquet(file("metadata", "metadata_0.parquet"), columns=["image_path", "caption"])
equal(list(metadata["image_path"]), [r["path"] for r in embedded], "image_path")
images, texts = numpy.load(file("img_emb", "img_emb_0.npy")), numpy.load(file("text_emb", "text_emb_0.npy"))
assert numpy.array_equal(images, vectors) and texts.shape == images.shape
scores = numpy.array([r["score"] or 0 for r in embedded])
assert numpy.abs(numpy.maximum((images * texts).sum(1) * 100, 0) - scores).max() < 1e-3  # measured: 1e-5

# --- Hugging Face datasets
loaded = datasets.load_dataset("parquet", data_files=sorted(glob.glob(file("data", "*.parquet"))), split="train")
equal(type(loaded.features["image"]).__name__, "Image", "feature of image")
check_rows([{k: v for k, v in row.items() if k != "image"} for row in loaded], records, "datasets")
for row, record in zip(loaded.cast_column("image", datasets.Image(decode=False)), records):
    equal(row["image"]["bytes"], content(record["path"]), "bytes of an image")
equal([row["image"].size for row in loaded], [(r["width"], r["height"]) for r in records], "sizes of images")
folder = datasets.load_dataset("imagefolder", data_dir=imagefolder, split="train")
# a text that a spreadsheet would run has an apostrophe before it (docs/formats.md)
equal(sorted(str(t) for t in folder["text"]),
      sorted("'" + r["prompt"] if (r["prompt"] or "").startswith("=") else str(r["prompt"]) for r in records), "imagefolder")
tars = sorted(glob.glob(file("[0-9]*.tar")))
web = datasets.load_dataset("webdataset", data_files=tars, split="train")
equal([row["txt"] for row in web], [r["prompt"] or "" for r in records], "datasets: webdataset")

# --- WebDataset
samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pil"))
equal(len(samples), len(records), "samples")
for sample, record in zip(samples, records):
    equal(sample["png"].size, (record["width"], record["height"]), "size")
    equal(sample["txt"], record["prompt"] or "", "txt")
    equal(sample["json"].get("seed"), None if record["seed"] is None else str(record["seed"]), "seed")
    equal(sample["json"]["path"], record["path"], "path")

# --- FiftyOne
if "fiftyone" in sys.argv:
    import fiftyone.utils.data.importers as importers
    with importers.LegacyFiftyOneDatasetImporter(out) as importer:
        found = list(importer)
    equal([s.filepath for s in found], [file(r["file"]) for r in records], "filepath")
    equal([s.prompt for s in found], [r["prompt"] for r in records], "prompt")
    equal([s.tags for s in found], [r["tags"] for r in records], "tags")
