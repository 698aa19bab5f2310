# SPDX-License-Identifier: MIT
"""Small CLIP models, each with one or two difficulties: tests/golden/towers.

The weights are not stored, because the recipe computes them (common.py).  The files of each model are config.json,
ids.npy [8, context], image_pooled [n, width], image_embeds [n, e], text_pooled [8, width], text_embeds [8, e]
(float32), and one models.json for all models: what is special about each model, how its files are written, and the
error of bf16.  The images are computed by a formula too (`pixels` in common.py).  Each folder is written to disk and
read back by transformers' from_pretrained, so that transformers also determines how config.json is read.
"""
import json
import tempfile
from pathlib import Path

import numpy as np

from .common import GOLDEN, close, largest_cosine, pixels, planes, quiet_torch, round_to_bf16, tensor, verdict

HERE = GOLDEN / "towers"

TEXT_DEFAULTS = dict(vocab_size=49408, hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8,
                     max_position_embeddings=77, hidden_act="quick_gelu", layer_norm_eps=1e-5, bos_token_id=49406, eos_token_id=49407)
VISION_DEFAULTS = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, num_channels=3,
                       image_size=224, patch_size=32, hidden_act="quick_gelu", layer_norm_eps=1e-5)


def text(width=32, layers=2, heads=2, mlp=None, vocab=300, bos=298, eos=299, context=77, act="quick_gelu", eps=1e-5) -> dict:
    return dict(vocab_size=vocab, hidden_size=width, intermediate_size=mlp or 4 * width, num_hidden_layers=layers, num_attention_heads=heads,
                max_position_embeddings=context, hidden_act=act, layer_norm_eps=eps, bos_token_id=bos, eos_token_id=eos)


def vision(width=32, layers=2, heads=2, mlp=None, side=112, patch=16, act="quick_gelu", eps=1e-5) -> dict:
    return dict(hidden_size=width, intermediate_size=mlp or 4 * width, num_hidden_layers=layers, num_attention_heads=heads, num_channels=3,
                image_size=side, patch_size=patch, hidden_act=act, layer_norm_eps=eps)


def model(why, v, t, e, dtype="F32", **how) -> dict:
    return dict(why=why, vision=v, text=t, e=e, dtype=dtype, how=how)


LEGACY = dict(bos=0, eos=2)
TOWERS = {
    "plain32": model("patch 32 at 224, head 16, first-eos rule", vision(48, heads=3, side=224, patch=32), text(48, heads=3), 32),
    "legacy16": model("patch 16, head 32, eos_token_id 2 (first largest id), position_ids tensors of I64 to ignore",
                      vision(64), text(64, **LEGACY), 48, "F16", position_ids=True),
    "gelu14-bf16": model("patch 14 at 224 (257 tokens), head 64, gelu, BF16", vision(64, heads=1, side=224, patch=14, act="gelu"),
                         text(64, heads=1, layers=3, act="gelu"), 40, "BF16"),
    "wide336": model("336 px in patches of 28, head 80, common space wider than both towers",
                     vision(80, heads=1, side=336, patch=28), text(32, **LEGACY), 96, "F16"),
    "head88": model("head 88 (ViT-g), MLP width int(88 * 4.3637), gelu", vision(88, heads=1, mlp=384, patch=14, act="gelu"),
                    text(64, mlp=150, act="gelu"), 24, "BF16"),
    "head104": model("head 104 (bigG), MLP width int(104 * 4.9231), gelu", vision(104, heads=1, mlp=512, patch=14, act="gelu"),
                     text(48, heads=3, act="gelu"), 52, "F16"),
    "head8": model("head 8, width 24, odd MLP widths", vision(24, heads=3, mlp=37, side=96), text(16, mlp=51), 13),
    "sharded": model("three files and an index, a block's tensors spread over them", vision(32), text(32), 32, "F16", shards=3),
    "eos-low": model("eos id 5 is not the largest id", vision(32), text(32, bos=4, eos=5), 32),
    "defaults": model("config.json without every field that has its default value", vision(96, heads=12, side=224, patch=32),
                      text(64, heads=8, vocab=310), 512, "F16", defaults=True),
    "config-dict": model("text_config_dict and vision_config_dict win, also with the fields they do not name",
                         vision(64, side=224, patch=28), text(32), 32, "F16", config_dict=True),
    "eps": model("layer_norm_eps 0.1, 20 positions", vision(32, mlp=50, eps=0.1), text(32, mlp=70, eps=0.1, context=20), 16),
    "deep": model("12 + 8 layers: error growth", vision(32, layers=12), text(32, layers=8), 32, "F16"),
    "mixed-acts": model("the towers differ in activation, eps and dtype rules", vision(32, act="gelu", eps=1e-6), text(32, act="quick_gelu"), 32, "BF16"),
    "remainder": model("100 px in patches of 16: the last 4 rows and columns are not seen", vision(32, side=100), text(32), 32),
    "one-layer": model("one layer and one head in each tower", vision(32, layers=1, heads=1), text(32, layers=1, heads=1), 32),
    "vision-only": model("CLIPVisionModelWithProjection saved alone: config is the tower's own", vision(48, heads=3), None, 40, "F16"),
    "text-only": model("CLIPTextModelWithProjection saved alone", None, text(48, heads=3), 40, "F16"),
}


def config_json(m: dict) -> dict:
    v, t, how = m["vision"], m["text"], m["how"]
    if not (v and t):
        name = "Vision" if v else "Text"
        return {"architectures": [f"CLIP{name}ModelWithProjection"], "model_type": f"clip_{name.lower()}_model", "projection_dim": m["e"], **(v or t)}
    out = {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": m["e"], "logit_scale_init_value": 2.6592}
    if how.get("defaults"):
        t = {k: x for k, x in t.items() if x != TEXT_DEFAULTS[k]}
        v = {k: x for k, x in v.items() if x != VISION_DEFAULTS[k]}
        out = {"model_type": "clip"}
    # text_config and vision_config get wrong values on purpose, because text_config_dict and vision_config_dict must
    # override them
    if how.get("config_dict"):
        out |= {"text_config_dict": {k: x for k, x in t.items() if x != TEXT_DEFAULTS[k]},
                "vision_config_dict": {k: x for k, x in v.items() if x != VISION_DEFAULTS[k]}}
        t = t | {"num_attention_heads": 4, "hidden_act": "gelu", "layer_norm_eps": 0.5, "eos_token_id": 2}
        v = v | {"num_attention_heads": 4, "hidden_act": "gelu", "layer_norm_eps": 0.5}
    return out | {"text_config": {"model_type": "clip_text_model", **t}, "vision_config": {"model_type": "clip_vision_model", **v}}


def token_rows(t: dict) -> np.ndarray:
    """Returns int32 [8, context]: bos, content, eos, and eos as padding; row 6 has an early second eos, row 7 has
    none."""
    legacy, n = t["eos_token_id"] == 2, t["max_position_embeddings"]
    eos = t["vocab_size"] - 1 if legacy else t["eos_token_id"]
    bos = t["vocab_size"] - 2 if legacy else t["bos_token_id"]
    free = [i for i in range(t["vocab_size"]) if i not in (bos, eos)]
    ids = np.full((8, n), eos, np.int32)
    for r, length in enumerate((2, 3, 7, n // 2, n - 1, n, 12, n)):
        ids[r, 0] = bos
        for j in range(length - 2):
            ids[r, 1 + j] = free[(10 + 37 * r * r + 91 * j * (r + 1)) % len(free)]
    ids[6, 5] = eos
    ids[7, -1] = free[7]
    return ids


def classes(m: dict):
    import transformers as tf
    return tf.CLIPModel if m["vision"] and m["text"] else tf.CLIPVisionModelWithProjection if m["vision"] else tf.CLIPTextModelWithProjection


def write_folder(folder: Path, m: dict) -> None:
    """Writes config.json and safetensors of a model, in the same way as tests/recipe.c."""
    import torch
    from safetensors.torch import save_file
    (folder / "config.json").write_text(json.dumps(config_json(m), indent=1) + "\n")
    kind = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[m["dtype"]]
    config = classes(m).config_class.from_pretrained(folder)
    with torch.device("meta"):
        shapes = {k: tuple(p.shape) for k, p in classes(m)(config).named_parameters()}
    tensors = {k: torch.from_numpy(np.array(tensor(k, s))).to(kind) for k, s in shapes.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def forward(m: dict, net, pv, ids) -> dict:
    import torch
    out = {}
    if m["vision"]:
        pooled = net.vision_model(pixel_values=torch.from_numpy(pv)).pooler_output
        out |= {"image_pooled": pooled, "image_embeds": net.visual_projection(pooled)}
    if m["text"]:
        pooled = net.text_model(input_ids=torch.from_numpy(ids).long()).pooler_output
        out |= {"text_pooled": pooled, "text_embeds": net.text_projection(pooled)}
    for k in ("image_embeds", "text_embeds"):
        if k in out:
            out[k] = out[k] / out[k].norm(dim=-1, keepdim=True)
    return {k: x.numpy().astype(np.float32) for k, x in out.items()}


def bf16_guide(gold: dict, low: dict) -> dict:
    out = {f"min_cosine_{k}": round(float((gold[f"{k}_embeds"].astype(np.float64) * low[f"{k}_embeds"]).sum(-1).min()), 6)
           for k in ("image", "text") if f"{k}_embeds" in gold}
    if len(out) == 2:
        d = abs(100 * (low["image_embeds"] @ low["text_embeds"].T - gold["image_embeds"] @ gold["text_embeds"].T))
        out |= {"max_score_difference": round(float(d.max()), 4), "mean_score_difference": round(float(d.mean()), 4)}
    return out


def make_tower(name: str, m: dict) -> tuple:
    """Returns {file: bytes-like array or dict}, and the entry of models.json."""
    torch = quiet_torch()
    files, pv, ids = {"config.json": config_json(m)}, None, None
    entry = {"name": name, "why": m["why"], "dtype": m["dtype"], "shards": m["how"].get("shards", 1), "position_ids": bool(m["how"].get("position_ids"))}
    if m["vision"]:
        pv = planes(pixels(m["vision"]["image_size"], 3))
        entry["images"] = 3
    if m["text"]:
        files["ids.npy"] = ids = token_rows(m["text"])
    with tempfile.TemporaryDirectory() as d:
        write_folder(Path(d), m)
        net = classes(m).from_pretrained(d, dtype=torch.float32).eval()
    gold = forward(m, net, pv, ids)
    round_to_bf16(net)
    entry["bf16"] = bf16_guide(gold, forward(m, net, pv, ids))
    entry["largest_cosine_between_inputs"] = {k: largest_cosine(gold[k]) for k in gold if k.endswith("embeds")}
    return files | {f"{k}.npy": x for k, x in gold.items()}, entry


def run(args) -> int:
    entries, bad = [], []
    for name in args.names or TOWERS:
        files, entry = make_tower(name, TOWERS[name])
        entries.append(entry)
        for file, value in files.items():
            path = HERE / name / file
            if args.check:
                bad += [] if same(path, value) else [f"{name}/{file}"]
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.endswith(".npy"):
                np.save(path, np.ascontiguousarray(value), allow_pickle=False)
            else:
                path.write_text(json.dumps(value, indent=1) + "\n")
    if args.check:
        return verdict("towers", f"{len(entries)} small models, embeddings within 2e-6", bad)
    if not args.names:
        rows = ",\n  ".join(json.dumps(e) for e in entries)
        (HERE / "models.json").write_text(f'{{"models": [\n  {rows}\n]}}\n')
    print(f"towers: {len(entries)} models written")
    return 0


def same(path: Path, value) -> bool:
    """Returns true if the value equals the committed file: text and ids exactly, floats within 2e-6, because another
    processor may add in another order."""
    if not path.exists():
        return False
    if path.suffix == ".json":
        return json.loads(path.read_text()) == value
    return close(np.load(path), value, 2e-6 * max(1.0, float(abs(value).max())))
