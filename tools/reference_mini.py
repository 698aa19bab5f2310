# SPDX-License-Identifier: MIT
"""The bundled model on the bundled sample, by transformers: tests/golden/mini.  Called by reference.py mini [--check].

scores.tsv: file, prompt, 100 * cosine (fp32 towers, Pillow-backed processor, long prompts cut with the end token kept).
images.npy [32, d]: the first pictures in order of path; texts.npy [prompts, d]: in order of first appearance; both
float32 and normalised.  golden.json: the SHA-256 of the weights that these values belong to.
"""
import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

KEPT = 32


def prompt_of(file: Path) -> str:
    return Image.open(file).info["parameters"].split("\nNegative prompt:")[0]


def embed(root: Path):
    """files, prompts of the files, images [n, d], texts {prompt: [d]}"""
    import torch
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    torch.set_grad_enabled(False)
    folder, sample = root / "models" / "drawn-world-mini", root / "sample" / "drawn-world"
    files = sorted(sample.rglob("*.png"), key=lambda p: p.relative_to(sample).as_posix())
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    processor, tokenizer = CLIPImageProcessorPil.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    prompts, images, texts = [prompt_of(f) for f in files], [], {}
    unit = lambda x: (x / x.norm(dim=-1, keepdim=True))[0].numpy()
    for f in files:
        rgb = Image.fromarray(np.array(Image.open(f).convert("RGB")))
        planes = torch.from_numpy(processor(images=rgb)["pixel_values"][0])[None]
        images.append(unit(model.visual_projection(model.vision_model(pixel_values=planes).pooler_output)))
    for t in dict.fromkeys(prompts):
        ids = tokenizer(t, truncation=True, max_length=77, return_tensors="pt")["input_ids"]
        texts[t] = unit(model.text_projection(model.text_model(input_ids=ids).pooler_output))
    return [f.relative_to(sample).as_posix() for f in files], prompts, np.stack(images), texts


def run(root: Path, check: bool) -> int:
    out = root / "tests" / "golden" / "mini"
    weights = root / "models" / "drawn-world-mini" / "model.safetensors"
    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    files, prompts, images, texts = embed(root)
    words = np.stack(list(texts.values()))
    scores = [100 * float(np.dot(v.astype(np.float64), texts[t].astype(np.float64))) for v, t in zip(images, prompts)]
    if check:
        rows = [line.split("\t") for line in (out / "scores.tsv").read_text("utf-8").splitlines()[1:]]
        same = [r[:2] for r in rows] == [list(x) for x in zip(files, prompts)]
        worst = max(abs(float(r[2]) - s) for r, s in zip(rows, scores)) if same else float("inf")
        kept = [np.load(out / f"{name}.npy") for name in ("images", "texts")]
        same = same and [k.shape for k in kept] == [images[:KEPT].shape, words.shape]
        away = max(abs(kept[0] - images[:KEPT]).max(), abs(kept[1] - words).max()) if same else float("inf")
        good = same and worst < 1e-3 and away < 1e-5 and json.loads((out / "golden.json").read_text())["weights_sha256"] == sha
        print(f"mini: {len(files)} scores, worst difference {worst:.1e}; embeddings {away:.1e}: {'equal' if good else 'DIFFERENT'}")
        return 0 if good else 1
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", images[:KEPT].astype("<f4"))
    np.save(out / "texts.npy", words.astype("<f4"))
    (out / "scores.tsv").write_text("file\tprompt\tscore\n" + "".join(f"{f}\t{t}\t{s:.5f}\n" for f, t, s in zip(files, prompts, scores)), "utf-8")
    (out / "golden.json").write_text(json.dumps({"weights_sha256": sha, "images": len(files), "prompts": len(texts)}, indent=1) + "\n")
    print(f"mini: {len(files)} scores of {len(texts)} prompts written")
    return 0
