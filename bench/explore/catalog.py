#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills a small catalog with synthetic images, to measure the explorer with many.

    catalog.py GOLDPAN PICTURES ROWS BASES [SEED]

PICTURES is a folder with a catalog that `goldpan run` made: the new rows take its scorer, categories, slices and map.
BASES is a folder of a few large JPEG files. The first 400 prompts get real files: copies of these JPEGs, each with
another comment, so that each has its own hash. They have the closest scores and the highest corrected scores, so every
view shows them first, and culling decodes large pictures. All other images exist only in the catalog. Each prompt has 4
to 8 candidates, and goldpan's pick is its best one. The same seed gives the same catalog.
"""
import math
import pathlib
import random
import sqlite3
import struct
import subprocess
import sys

REAL_PROMPTS = 400
WORDS = """old red blue green small large wooden golden quiet broken bright dark tall round striped castle fox boat tower bridge river
forest mountain market lamp clock dragon robot teapot garden rocket violin train harbour window island in at under over near night
dawn rain snow fog summer sketch oil watercolour photo detailed soft light wide angle portrait of the a with two three many""".split()
SAMPLERS = ["Euler a", "DPM++ 2M", "DDIM", "Heun"]


def prompts(rng, count):
    seen = set()
    while len(seen) < count:
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(6, 22)))
        if text not in seen:
            seen.add(text)
            yield text


def families(rng, rows):
    """(prompt, number of candidates) until there are `rows` images."""
    left = rows
    number = 0
    while left > 0:
        size = min(left, rng.randint(4, 8))
        yield number, size
        number += 1
        left -= size


def write_files(pictures, bases, count):
    """Real files: each a JPEG of `bases` with a comment of its own after the first marker."""
    folder = pictures / "large"
    folder.mkdir(exist_ok=True)
    data = [base.read_bytes() for base in sorted(bases.glob("*.jpg"))]
    for i in range(count):
        comment = b"picture %d" % i
        base = data[i % len(data)]
        (folder / f"{i:06d}.jpg").write_bytes(base[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + base[2:])


def main():
    goldpan, pictures, rows, bases = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
    rng = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    plan = list(families(rng, rows))
    texts = list(prompts(rng, len(plan)))
    real = sum(size for number, size in plan if number < REAL_PROMPTS)
    write_files(pictures, bases, real)
    subprocess.run([goldpan, "add", str(pictures / "large"), "--catalog", str(pictures / ".goldpan/catalog.db"), "--quiet"], check=True, stderr=subprocess.DEVNULL)

    db = sqlite3.connect(pictures / ".goldpan/catalog.db")
    db.execute("PRAGMA synchronous = OFF")
    one = lambda query, *values: db.execute(query, values).fetchone()[0]
    scorer, encoder = db.execute("SELECT id, encoder FROM scorers ORDER BY used DESC LIMIT 1").fetchone()
    analysis, dims = one("SELECT id FROM analyses WHERE scorer = ?", scorer), one("SELECT dims FROM encoders WHERE id = ?", encoder)
    categories = [row[0] for row in db.execute("SELECT id FROM categories WHERE analysis = ?", (analysis,))]
    slices = [row[0] for row in db.execute("SELECT id FROM slices WHERE analysis = ? ORDER BY id LIMIT 6", (analysis,))]
    files = [row[0] for row in db.execute("SELECT image FROM paths WHERE path LIKE '%/large/%' ORDER BY path")]
    assert len(files) == real, f"{len(files)} files were added instead of {real}"
    image, prompt = one("SELECT max(id) FROM images"), one("SELECT max(id) FROM prompts")
    vectors = [struct.pack(f"{dims}f", *v) for v in (unit(rng, dims) for _ in range(200))]
    into = {name: [] for name in ("prompts", "images", "paths", "image_prompts", "scores", "standings", "map_images", "picks", "slice_images", "image_embeddings")}
    for number, size in plan:
        prompt += 1
        into["prompts"].append((prompt, texts[number]))
        is_real = number < REAL_PROMPTS
        best = rng.gauss(24, 3)
        lead = rng.uniform(0.001, 0.1) if is_real else rng.uniform(0.2, 6)
        centre, category = (rng.uniform(0, 40), rng.uniform(0, 25)), rng.choice(categories)
        for i in range(size):
            if is_real:
                row = files.pop(0)
                db.execute("DELETE FROM image_prompts WHERE image = ?", (row,))
            else:
                image += 1
                row = image
                into["images"].append((row, rng.randbytes(16), rng.randint(60000, 2000000), "jpeg", 1024, 1024, 0, 1700000000 + row))
                into["paths"].append((f"{pictures}/made/{number % 1000:03d}/{row:07d}.jpg", row, 1000, 1))
            score = best if i == 0 else best - lead - (i - 1) * rng.uniform(0.3, 1.5)
            settings = f'{{"steps":{rng.choice((20, 30, 40))},"sampler":"{rng.choice(SAMPLERS)}","cfg_scale":7,"seed":{rng.randrange(2**32)},"model":"synthetic"}}'
            into["image_prompts"].append((row, prompt, texts[number], "blurry", "a1111: parameters", 2, settings, "stated"))
            into["scores"].append((scorer, prompt, row, score))
            corrected = (60 if is_real else 0) + score + rng.gauss(0, 1)
            into["standings"].append((analysis, row, category, rng.gauss(0, 1), rng.gauss(0, 1), rng.uniform(0, 100), corrected))
            into["map_images"].append((encoder, row, centre[0] + rng.gauss(0, 0.6), centre[1] + rng.gauss(0, 0.6)))
            if rows <= 200000:
                into["image_embeddings"].append((row, encoder, "f32", vectors[(number * 7 + i) % len(vectors)]))
            if i == 0:
                into["picks"].append((row, 1, scorer, "picks per-prompt=1", f"picked as the best of {size}"))
            if slices and rng.random() < 0.2:
                into["slice_images"].append((rng.choice(slices), row))
        if len(into["images"]) > 50000:
            store(db, into)
    store(db, into)
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def unit(rng, dims):
    vector = [rng.gauss(0, 1) for _ in range(dims)]
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


COLUMNS = {
    "images": "id, hash, bytes, format, width, height, orientation, added",
    "paths": "path, image, size, mtime_ns",
    "image_prompts": "image, prompt, raw, negative, source, strength, settings, evidence",
    "standings": "analysis, image, category, z_prompt, z_category, percentile, corrected",
    "picks": "image, rank, scorer, rule, reason",
    "image_embeddings": "image, encoder, dtype, vector",
}


def store(db, into):
    for name, rows in into.items():
        if rows:
            columns = f"({COLUMNS[name]})" if name in COLUMNS else ""
            db.executemany(f"INSERT INTO {name} {columns} VALUES ({','.join('?' * len(rows[0]))})", rows)
        rows.clear()


if __name__ == "__main__":
    main()
