# SPDX-License-Identifier: MIT
"""CLIP scores by torchmetrics' own update function.

mini         the first 32 pictures of the sample with the bundled model against tests/golden/mini/scores.tsv, which
             mini.py makes without torchmetrics (checked only)
pairs.json   tests/golden/score: 218 pairs of pictures of tests/golden/images and texts, by two small models with
             tokenizers, in ../shared/golden/encode/towers; if that folder is missing, the file is not changed

torchmetrics 1.9 takes the tensors that transformers 4 returned; version 5 returns objects, so the model is wrapped.
"""
import warnings

import numpy as np
from PIL import Image

from .common import GOLDEN, MINI, ROOT, SHARED, quiet_torch, read_rows, verdict, write_rows

HERE = GOLDEN / "score"
TOWERS = SHARED / "golden" / "encode" / "towers"
WITHIN = 1e-3  # largest allowed difference between a computed and a stored score


def pooled_model(folder, torch):
    from transformers import CLIPModel

    class Pooled(CLIPModel):
        def get_image_features(self, *a, **k):
            r = super().get_image_features(*a, **k)
            return r if isinstance(r, torch.Tensor) else r.pooler_output

        def get_text_features(self, *a, **k):
            r = super().get_text_features(*a, **k)
            return r if isinstance(r, torch.Tensor) else r.pooler_output

    return Pooled.from_pretrained(folder, dtype=torch.float32).eval()


class Scorer:
    """Runs torchmetrics with the model of a folder."""

    def __init__(self, folder):
        self.torch = quiet_torch()
        from transformers import CLIPImageProcessor, CLIPProcessor, CLIPTokenizer
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
        self.model, self.tokenizer = pooled_model(folder, self.torch), CLIPTokenizer.from_pretrained(folder)
        self.pillow, self.torchvision = (CLIPProcessor(image_processor=c.from_pretrained(folder), tokenizer=self.tokenizer)
                                         for c in (CLIPImageProcessorPil, CLIPImageProcessor))

    def image(self, path):
        return self.torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).contiguous()

    def pair(self, image, text: str, processor) -> float:
        """Returns 100 * cosine, not clamped."""
        from torchmetrics.functional.multimodal.clip_score import _clip_score_update
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score, n = _clip_score_update(image, text, self.model, processor)
        assert n == 1
        return float(score[0])

    def kept_end(self, image, ids) -> float:
        """Returns the score for a text of more than 77 ids that is cut as goldpan cuts it: the end token stays."""
        a = self.model.get_image_features(self.pillow(images=[image], return_tensors="pt")["pixel_values"])
        b = self.model.get_text_features(self.torch.tensor([ids]))
        return float(100 * (a / a.norm(dim=-1) * (b / b.norm(dim=-1))).sum())


def pair_row(old: dict, scorers: dict) -> dict:
    s, text = scorers[old["model"]], old["text"]
    image = s.image(GOLDEN / old["image"])
    row = {k: old[k] for k in ("model", "image", "text")}
    ids = s.tokenizer(text)["input_ids"]
    raw = s.pair(image, text, s.pillow)
    if len(ids) <= 77:
        return row | {"ids": ids, "score_unclamped": round(raw, 5), "torchmetrics": round(max(raw, 0.0), 5),
                      "torchvision_processor": round(s.pair(image, text, s.torchvision), 5)}
    cut = s.tokenizer(text, truncation=True, max_length=77)["input_ids"]
    return row | {"ids": cut, "too_long": True, "n_ids_uncut": len(ids), "score_unclamped": round(s.kept_end(image, cut), 5),
                  "torchmetrics_cuts_the_end_token": round(raw, 5)}


def away(old: dict, new: dict) -> list:
    """Returns the fields that differ: scores by more than WITHIN, other fields at all."""
    return [f"{k} {old.get(k)} {new.get(k)}" for k in dict.fromkeys([*old, *new])
            if not (abs(old[k] - new[k]) <= WITHIN if isinstance(old.get(k), float) and isinstance(new.get(k), float) else old.get(k) == new.get(k))]


def mini_pairs() -> tuple:
    """Returns the number of scored pairs, and the differences."""
    s, bad = Scorer(MINI), []
    rows = [line.split("\t") for line in (GOLDEN / "mini" / "scores.tsv").read_text("utf-8").splitlines()[1:33]]
    for file, text, score in rows:
        got = s.pair(s.image(ROOT / "sample" / "drawn-world" / file), text, s.pillow)
        if abs(got - float(score)) > WITHIN:
            bad.append(f"mini/scores.tsv: {file}: torchmetrics says {got:.5f}, committed {score}")
    return len(rows), bad


def run(args) -> int:
    head, old = read_rows(HERE / "pairs.json", "pairs")
    there = all((TOWERS / r["model"]).exists() for r in old)
    n, bad = mini_pairs()
    new = []
    if there:
        scorers = {name: Scorer(TOWERS / name) for name in dict.fromkeys(r["model"] for r in old)}
        new = [pair_row(r, scorers) for r in old]
        bad += [f"{o['model']} {o['image']} {o['text']!r:.30}: {d}" for o, m in zip(old, new) for d in away(o, m)]
    if not args.check:
        if there:
            write_rows(HERE / "pairs.json", head, "pairs", new)
        print(f"score: {len(new)} pairs written" if there else "score: nothing written, the two models are not there")
        return 0
    more = f"{len(new)} pairs by small models" if there else f"{len(old)} pairs not checked (their models are not there)"
    return verdict("score", f"torchmetrics on {n} pairs of the sample, {more}, within {WITHIN:g}", bad)
