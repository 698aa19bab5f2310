# SPDX-License-Identifier: MIT
"""The published shapes at full size with weights from the recipe: tests/golden/recipe.

NAME.image_embeds.npy [4, e] and NAME.text_embeds.npy [8, e] (float32, normalised) of pixels-SIDE-i.png and ids.npy [8,
77]; NAME.json: first values and CRC-32 of six tensors, scores, and what bf16 does.  At 336 pixels the repository has
only images 0 and 2, so only their rows are made again.  vit-b-32 takes half a minute and 2 GB, all five 10 minutes and
10 GB.
"""
import json

import numpy as np
from PIL import Image

from .common import GOLDEN, close, crc, different, largest_cosine, planes, quiet_torch, round_to_bf16, tensor, verdict

HERE = GOLDEN / "recipe"
VOCAB, POSITIONS = 49408, 77
SHAPES = {  # vision width, layers, heads, mlp, patch, side, text width, layers, heads, mlp, projection, activation
    "vit-b-32": (768, 12, 12, 3072, 32, 224, 512, 12, 8, 2048, 512, "quick_gelu"),
    "vit-b-16": (768, 12, 12, 3072, 16, 224, 512, 12, 8, 2048, 512, "quick_gelu"),
    "vit-l-14": (1024, 24, 16, 4096, 14, 224, 768, 12, 12, 3072, 768, "quick_gelu"),
    "vit-l-14-336": (1024, 24, 16, 4096, 14, 336, 768, 12, 12, 3072, 768, "quick_gelu"),
    "vit-h-14": (1280, 32, 16, 5120, 14, 224, 1024, 24, 16, 4096, 1024, "gelu"),
}
PROBES = ("logit_scale", "text_model.encoder.layers.0.mlp.fc1.weight", "vision_model.embeddings.class_embedding",
          "vision_model.pre_layrnorm.weight", "vision_model.encoder.layers.0.self_attn.q_proj.bias", "visual_projection.weight")


def config(name: str):
    from transformers import CLIPConfig
    vw, vl, vh, vm, patch, side, tw, tl, th, tm, e, act = SHAPES[name]
    return CLIPConfig(
        projection_dim=e,
        text_config=dict(vocab_size=VOCAB, hidden_size=tw, intermediate_size=tm, num_hidden_layers=tl, num_attention_heads=th,
                         max_position_embeddings=POSITIONS, hidden_act=act, projection_dim=e, bos_token_id=49406, eos_token_id=49407),
        vision_config=dict(hidden_size=vw, intermediate_size=vm, num_hidden_layers=vl, num_attention_heads=vh, image_size=side,
                           patch_size=patch, hidden_act=act, projection_dim=e))


def token_rows() -> np.ndarray:
    """Returns 8 rows of 2..77 ids of OpenAI's vocabulary: content id j of row r is (1000 + 37 r^2 + 911 j (r + 1))
    mod 48000."""
    ids = np.full((8, POSITIONS), 49407, np.int32)
    for r, n in enumerate((2, 3, 7, 9, 17, 38, 60, 77)):
        ids[r, 0] = 49406
        for j in range(n - 2):
            ids[r, 1 + j] = (1000 + 37 * r * r + 911 * j * (r + 1)) % 48000
    return ids


def build(name: str, torch) -> tuple:
    """Returns the network, and {tensor: first values and CRC-32}."""
    from transformers import CLIPModel
    with torch.device("meta"):
        net = CLIPModel(config(name))
    net = net.to_empty(device="cpu").eval()
    probes = {}
    for k, p in net.named_parameters():
        values = tensor(k, tuple(p.shape))
        p.data.copy_(torch.from_numpy(values))
        if k in PROBES:
            probes[k] = {"first": [float(x) for x in values.reshape(-1)[:4]], "crc32": crc(values)}
    for part in (net.text_model.embeddings, net.vision_model.embeddings):  # a buffer, not a weight
        part.position_ids = torch.arange(part.position_embedding.weight.shape[0])[None]
    return net, {k: probes[k] for k in PROBES}


def embed(net, torch, pictures: list, rows: list) -> tuple:
    """Returns embeddings that are not normalised.  Texts have no padding, which cannot change them because of the
    causal mask."""
    images = [net.visual_projection(net.vision_model(pixel_values=torch.from_numpy(planes(p[None]))).pooler_output) for p in pictures]
    texts = [net.text_projection(net.text_model(input_ids=torch.from_numpy(r[None, :int(np.argmax(r == 49407)) + 1]).long()).pooler_output) for r in rows]
    return torch.cat(images).numpy(), torch.cat(texts).numpy()


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def make(name: str) -> tuple:
    """Returns the numbers of the images, their image_embeds, text_embeds [8, e], and the entry of NAME.json."""
    torch = quiet_torch()
    side, ids = SHAPES[name][5], token_rows()
    which = [i for i in range(4) if (HERE / f"pixels-{side}-{i}.png").exists()]
    pictures = [np.array(Image.open(HERE / f"pixels-{side}-{i}.png").convert("RGB")) for i in which]
    net, probes = build(name, torch)
    image, text = embed(net, torch, pictures, list(ids))
    norms = {k: [float(x) for x in np.linalg.norm(v, axis=-1)] for k, v in (("image", image), ("text", text))}
    image, text = unit(image), unit(text)
    entry = {"model": name, "pixels": f"pixels-{side}-i.png", "pictures": which, "ids": "ids.npy (8,77) int32", "weights_crc": probes,
             "largest_cosine": {"images": largest_cosine(image), "texts": largest_cosine(text)}, "norms": norms,
             "scores": [[round(float(x), 4) for x in row] for row in 100 * image.astype(np.float64) @ text.astype(np.float64).T]}
    round_to_bf16(net)
    low_image, low_text = (unit(x) for x in embed(net, torch, pictures[:2], list(ids[1:5])))
    entry["bf16_inputs_only"] = {
        "min_cosine_image": float((low_image * image[:2]).sum(-1).min()), "min_cosine_text": float((low_text * text[1:5]).sum(-1).min()),
        "max_score_difference": float(abs(100 * (low_image @ low_text.T - image[:2] @ text[1:5].T)).max())}
    return which, image, text, entry


def compare(name: str):
    which, image, text, entry = make(name)
    old = json.loads((HERE / f"{name}.json").read_text("ascii"))
    yield from (f"{name}.json: {d}" for d in different(old["weights_crc"], entry["weights_crc"]))
    for kind, new, kept in (("image", image, which), ("text", text, slice(None))):
        if not close(np.load(HERE / f"{name}.{kind}_embeds.npy")[kept], new, 1e-5):
            yield f"{name}.{kind}_embeds.npy"
    bf16 = [e["bf16_inputs_only"]["max_score_difference"] for e in (old, entry)]
    if abs(bf16[0] - bf16[1]) > 0.05:
        yield f"{name}.json: bf16 moves scores by {bf16[1]:.3f}, committed {bf16[0]:.3f}"


def write(name: str) -> None:
    which, image, text, entry = make(name)
    path = HERE / f"{name}.image_embeds.npy"
    whole = np.load(path) if path.exists() else np.zeros((4, image.shape[1]), np.float32)
    whole[which] = image
    np.save(path, whole)
    np.save(HERE / f"{name}.text_embeds.npy", text)
    np.save(HERE / "ids.npy", token_rows())
    (HERE / f"{name}.json").write_text(json.dumps(entry, indent=1) + "\n", "ascii")
    print(f"recipe: {name} written", flush=True)


def too_large(name: str) -> bool:
    """Returns true if memory is too small: it must hold the weights in float32, one tensor twice, and the packages."""
    vw, vl, _, vm, _, _, tw, tl, _, tm, _, _ = SHAPES[name]
    weights = sum(n * (4 * w * w + 2 * w * m) for w, n, m in ((vw, vl, vm), (tw, tl, tm))) + VOCAB * tw
    with open("/proc/meminfo", encoding="ascii") as f:
        free = next(int(line.split()[1]) for line in f if line.startswith("MemAvailable")) << 10
    return weights * 4 * 1.25 + (2 << 30) > free


def run(args) -> int:
    names = args.names or (list(SHAPES) if args.all else ["vit-b-32"])
    large = [n for n in names if too_large(n)]
    names = [n for n in names if n not in large]
    if large:
        print(f"recipe: left out for want of memory: {', '.join(large)}", flush=True)
    if not args.check:
        for n in names:
            write(n)
        return 0
    bad = [] if np.array_equal(np.load(HERE / "ids.npy"), token_rows()) else ["ids.npy"]
    for n in names:
        bad += compare(n)
    return verdict("recipe", f"{', '.join(names) or 'nothing'} at full size, weights exact, embeddings within 1e-5", bad)
