# SPDX-License-Identifier: MIT
"""The bundled model on the bundled sample: tests/golden/mini.  Make these values again after a change of the weights or
the sample.

scores.tsv   file, prompt, 100 * cosine (fp32 towers, Pillow-backed processor, long prompts cut with the end token kept)
images.npy   [32, d]: the first pictures in order of path; texts.npy [prompts, d]: in order of first appearance; both
             float32 and normalised
golden.json  the SHA-256 of the weights that these values belong to
"""
import hashlib
import json

import numpy as np
from PIL import Image

from .common import GOLDEN, MINI, ROOT, close, quiet_torch, verdict

HERE = GOLDEN / "mini"
SAMPLE = ROOT / "sample" / "drawn-world"
KEPT = 32


def prompt_of(file) -> str:
    return Image.open(file).info["parameters"].split("\nNegative prompt:")[0].split("\nSteps:")[0].strip()


def embed() -> tuple:
    """Returns files, prompts of the files, images [n, d], texts {prompt: [d]}."""
    torch = quiet_torch()
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    files = sorted(SAMPLE.rglob("*.png"), key=lambda p: p.relative_to(SAMPLE).as_posix())
    model = CLIPModel.from_pretrained(MINI, dtype=torch.float32).eval()
    processor, tokenizer = CLIPImageProcessorPil.from_pretrained(MINI), CLIPTokenizer.from_pretrained(MINI)
    prompts, images, texts = [prompt_of(f) for f in files], [], {}
    unit = lambda x: (x / x.norm(dim=-1, keepdim=True))[0].numpy()
    for f in files:
        rgb = Image.fromarray(np.array(Image.open(f).convert("RGB")))
        planes = torch.from_numpy(processor(images=rgb)["pixel_values"][0])[None]
        images.append(unit(model.visual_projection(model.vision_model(pixel_values=planes).pooler_output)))
    for t in dict.fromkeys(prompts):
        ids = tokenizer(t, truncation=True, max_length=77, return_tensors="pt")["input_ids"]
        texts[t] = unit(model.text_projection(model.text_model(input_ids=ids).pooler_output))
    return [f.relative_to(SAMPLE).as_posix() for f in files], prompts, np.stack(images), texts


def run(args) -> int:
    sha = hashlib.sha256((MINI / "model.safetensors").read_bytes()).hexdigest()
    files, prompts, images, texts = embed()
    words = np.stack(list(texts.values()))
    scores = [100 * float(np.dot(v.astype(np.float64), texts[t].astype(np.float64))) for v, t in zip(images, prompts)]
    if args.check:
        return check(sha, files, prompts, images, words, scores)
    HERE.mkdir(parents=True, exist_ok=True)
    np.save(HERE / "images.npy", images[:KEPT].astype("<f4"))
    np.save(HERE / "texts.npy", words.astype("<f4"))
    (HERE / "scores.tsv").write_text("file\tprompt\tscore\n" + "".join(f"{f}\t{t}\t{s:.5f}\n" for f, t, s in zip(files, prompts, scores)), "utf-8")
    (HERE / "golden.json").write_text(json.dumps({"weights_sha256": sha, "images": len(files), "prompts": len(texts)}, indent=1) + "\n")
    print(f"mini: {len(files)} scores of {len(texts)} prompts written, mean {np.mean(scores):.3f}")
    return 0


def check(sha, files, prompts, images, words, scores) -> int:
    bad, worst = [], 0.0
    if json.loads((HERE / "golden.json").read_text())["weights_sha256"] != sha:
        bad.append("golden.json: these values belong to other weights; make them anew: python tools/reference.py mini")
    rows = [line.split("\t") for line in (HERE / "scores.tsv").read_text("utf-8").splitlines()[1:]]
    if [r[:2] for r in rows] != [list(x) for x in zip(files, prompts)]:
        bad.append("scores.tsv: not the files and prompts of the sample")
    else:
        away = [abs(float(r[2]) - s) for r, s in zip(rows, scores)]
        worst = max(away)
        bad += [f"scores.tsv: {f}: away by {d:.5f}" for f, d in zip(files, away) if d > 1e-3]
    bad += [f"{name}.npy" for name, new in (("images", images[:KEPT]), ("texts", words)) if not close(np.load(HERE / f"{name}.npy"), new, 1e-5)]
    return verdict("mini", f"{len(files)} scores by the bundled model, within {worst:.0e}; embeddings within 1e-5", bad)
