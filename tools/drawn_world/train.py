"""Trains the small CLIP model of the drawn world and writes it in the Hugging Face layout.

    python3 train.py render DIR N [FIRST] draw N training images (uint8, 112 x 112) with captions and categories;
                                       FIRST is the seed of the first thousand (1000) python3 train.py fit DIR OUT
                                       SECS [FROM] train for SECS seconds, write OUT/{model.safetensors,...}; FROM is
                                       an earlier OUT to go on from

The network is an ordinary CLIPModel (pre-norm transformer towers, quick_gelu, class token, end-of-text pooling), but
small. Programs that can load openai/clip-vit-base-patch32 can load it too.
"""
import copy
import json
import math
import multiprocessing as mp
import os
import random
import struct
import sys
import time

import numpy as np

from world import CATEGORIES, Image, after_effect, caption, draw, flawed, sample_scene

SIDE, PATCH, WIDTH, LAYERS, TWIDTH, TLAYERS, EMBED, CONTEXT = 112, 16, 128, 6, 128, 4, 128, 77
PICK_WEIGHT, BATCH, MEAN_OVER = 2.5, 192, 1 / 400
HARD_WORDS = ("smiling", "sad", "above", "below", "left of", "right of")
# images in a group: a scene, and three images of the scene with a flaw. One half of each batch consists of whole groups,
# the other half of random images.
GROUP = 4
# An extra loss teaches the names of the kinds, and separates the kinds from each other. A model that is trained on
# real captions learns both without this loss, because most captions only name what an image shows. KIND_SCALE is
# small, so that a kind is certain only if the cosines differ by about 0.5.
KIND_WEIGHT, KIND_SCALE = 3.0, 10.0
KINDS = {"animals": "an animal", "vehicles": "a vehicle", "food": "something to eat", "buildings": "a building",
         "plants": "a plant", "shapes": "a shape", "people": "a person", "landscapes": "a landscape"}
KIND_WORDINGS = ("{}", "{}", "a picture of {}", "a photo of {}", "a drawing of {}", "a portrait of {}", "a pencil sketch of {}",
                 "an oil painting of {}", "pixel art of {}", "{} at night", "{} in the rain", "{} at sunset")


def one(args):
    """Returns groups of images: a scene, and three images of the scene with a flaw. Each caption describes its image."""
    seed, n = args
    rng = random.Random(seed)
    ims, caps, cats = [], [], []
    for _ in range(n // GROUP):
        s = sample_scene(rng)
        for scene, fx, _ in [(s, "", "")] + [flawed(s, rng) for _ in range(GROUP - 1)]:
            im = after_effect(draw(scene, 256, rng), fx, rng).resize((SIDE, SIDE), Image.BICUBIC)
            ims.append(np.asarray(im))
            caps.append(("a blurry picture of " if fx == "blur" else "a noisy picture of " if fx == "noise" else "") + caption(scene, rng))
            cats.append(scene.category)
    return np.stack(ims), caps, cats


def render(out, n, first=1000):
    os.makedirs(out, exist_ok=True)
    t = time.time()
    with mp.Pool() as pool:
        parts = pool.map(one, [(first + i, 1000) for i in range(n // 1000)], chunksize=1)
    np.save(out + "/x.npy", np.concatenate([p[0] for p in parts]))
    json.dump([c for p in parts for c in p[1]], open(out + "/captions.json", "w"))
    json.dump([c for p in parts for c in p[2]], open(out + "/categories.json", "w"))
    print("rendered", n, "in", round(time.time() - t), "s")


# ------------------------------------------------------------ tokenizer

def byte_alphabet():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b); cs.append(256 + n); n += 1
    return [chr(c) for c in cs]


def learn_bpe(captions, limit):
    """Learns byte-pair merges over whole words, as CLIP does: the last symbol of a word ends in </w>."""
    from collections import Counter
    words = Counter(w for c in captions for w in c.split())
    split = {w: list(w[:-1]) + [w[-1] + "</w>"] for w in words}
    merges = []
    while len(merges) < limit:
        pairs = Counter()
        for w, k in words.items():
            for p in zip(split[w], split[w][1:]):
                pairs[p] += k
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for w, parts in split.items():
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = [parts[i] + parts[i + 1]]
                else:
                    i += 1
    alphabet = byte_alphabet()
    tokens = alphabet + [a + "</w>" for a in alphabet] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {t: i for i, t in enumerate(tokens)}, merges, split


def apply_bpe(word, merges):
    rank = {m: i for i, m in enumerate(merges)}
    parts = list(word[:-1]) + [word[-1] + "</w>"]
    while len(parts) > 1:
        best = min(range(len(parts) - 1), key=lambda i: rank.get((parts[i], parts[i + 1]), 1e9))
        if (parts[best], parts[best + 1]) not in rank:
            break
        parts[best:best + 2] = [parts[best] + parts[best + 1]]
    return parts


def fit(data, out, seconds, start_from=None):
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    torch.manual_seed(0)
    x = np.load(data + "/x.npy", mmap_mode="r")
    captions = json.load(open(data + "/captions.json"))
    vocab, merges, split = learn_bpe(captions, 1000)
    if start_from:
        vocab = json.load(open(start_from + "/vocab.json"))
        merges = [tuple(line.split()) for line in open(start_from + "/merges.txt").read().split("\n")[1:] if line]
        split = {w: apply_bpe(w, merges) for w in split}
    print(len(captions), "pairs,", len(vocab), "tokens,", len(split), "words")
    start, end = vocab["<|startoftext|>"], vocab["<|endoftext|>"]
    spell = lambda c: [start] + [vocab[t] for w in c.split() for t in split.get(w) or apply_bpe(w, merges)] + [end]
    ids = [spell(c) for c in captions]
    names = list(CATEGORIES)
    kind = torch.tensor([names.index(c) for c in json.load(open(data + "/categories.json"))])
    kind_ids = [[spell(f.format(t)) for f in KIND_WORDINGS for t in (c, KINDS[c])] for c in names]

    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
            self.fc1, self.fc2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

        def forward(self, h, causal):
            b, n, d = h.shape
            w, c = torch.cat([self.q.weight, self.k.weight, self.v.weight]), torch.cat([self.q.bias, self.k.bias, self.v.bias])
            q, k, v = F.linear(self.ln1(h), w, c).view(b, n, 3, d // 64, 64).permute(2, 0, 3, 1, 4)
            # this code is faster for these sizes than PyTorch's own attention, above all in the backward pass
            a = q @ k.transpose(2, 3) / 8
            if causal:
                a = a + torch.full((n, n), -1e4).triu(1)
            a = a.softmax(3).to(v.dtype) @ v
            h = h + self.o(a.transpose(1, 2).reshape(b, n, d))
            # quick_gelu(y) = silu(1.702 y) / 1.702, with the factor moved into the weights around it
            y = F.silu(F.linear(self.ln2(h), 1.702 * self.fc1.weight, 1.702 * self.fc1.bias))
            return h + F.linear(y, self.fc2.weight / 1.702, self.fc2.bias)

    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Linear(3 * PATCH * PATCH, WIDTH, bias=False)
            self.cls = nn.Parameter(torch.randn(WIDTH) * 0.02)
            self.vpos = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH) * 0.02)
            self.vpre, self.vpost = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.v = nn.ModuleList(Block(WIDTH) for _ in range(LAYERS))
            self.vproj = nn.Linear(WIDTH, EMBED, bias=False)
            self.tok = nn.Embedding(len(vocab), TWIDTH)
            nn.init.normal_(self.tok.weight, std=0.02)
            self.tpos = nn.Parameter(torch.randn(CONTEXT, TWIDTH) * 0.01)
            self.t = nn.ModuleList(Block(TWIDTH) for _ in range(TLAYERS))
            self.tln = nn.LayerNorm(TWIDTH)
            self.tproj = nn.Linear(TWIDTH, EMBED, bias=False)
            self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        def image(self, p):
            h = torch.cat([self.cls.expand(p.shape[0], 1, -1), self.patch(p)], 1) + self.vpos
            h = self.vpre(h)
            for blk in self.v:
                h = blk(h, False)
            return F.normalize(self.vproj(self.vpost(h[:, 0])), dim=-1)

        def text(self, t):
            h = self.tok(t) + self.tpos[:t.shape[1]]
            for blk in self.t:
                h = blk(h, True)
            h = self.tln(h)
            return F.normalize(self.tproj(h[torch.arange(t.shape[0]), (t == end).float().argmax(1)]), dim=-1)

    net = Clip()
    if start_from:
        net.load_state_dict({ours: torch.tensor(a) for ours, a in load(start_from).items()}, strict=False)
    print(sum(p.numel() for p in net.parameters()) / 1e6, "M parameters")
    mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
    decay = [p for n, p in net.named_parameters() if p.ndim > 1]
    rest = [p for n, p in net.named_parameters() if p.ndim <= 1]
    mean_net = copy.deepcopy(net)  # running mean of the weights; the script saves this mean, not the last weights
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0}], lr=1e-3, betas=(0.9, 0.98))

    def padded(texts):
        t = torch.full((len(texts), max(map(len, texts))), end)
        for i, text in enumerate(texts):
            t[i, :len(text)] = torch.tensor(text)
        return t

    def batch(rows):
        im = torch.from_numpy(np.ascontiguousarray(x[rows])).float().div_(255).sub_(mean).div_(std)
        b, g = len(rows), SIDE // PATCH
        p = im.view(b, g, PATCH, g, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(b, g * g, 3 * PATCH * PATCH)
        return p, padded([ids[r] for r in rows])

    number = {c: i for i, c in enumerate(dict.fromkeys(captions))}
    words = torch.tensor([number[c] for c in captions])      # equal captions get the same number
    rng = np.random.default_rng(0 if not start_from else 3)
    held = len(captions) - 2000
    # How wrong the network was on each group when the group was last used. Groups that were not used yet start with a
    # guess: faces and relations such as "left of" are known to be difficult.
    hard = np.array([0.8 if any(w in captions[g * GROUP] for w in HARD_WORDS) else 0.12 for g in range(held // GROUP)])
    # older PyTorch versions lack this function; then the script computes in float32
    can = getattr(torch.cpu, "get_capabilities", dict)()
    bf16 = bool(can.get("avx512_bf16") or can.get("amx_bf16"))
    t0, step, seen, B = time.time(), 0, 0, BATCH
    while time.time() - t0 < seconds:
        frac = (time.time() - t0) / seconds
        for g in opt.param_groups:
            g["lr"] = (5e-4 if start_from else 1.2e-3) * min(1, (step + 1) / (20 if start_from else 200)) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * frac)))
        chance = hard + 0.04  # groups that the network still gets wrong are chosen more often
        groups = np.unique(rng.choice(held // GROUP, B // 2 // GROUP, p=chance / chance.sum())) * GROUP
        rows = np.concatenate([(groups[:, None] + np.arange(GROUP)).ravel(), rng.choice(held, B // 2, replace=False)])
        p, t = batch(rows)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            i, w = net.image(p), net.text(t)
        i, w = i.float(), w.float()
        logits = net.scale.exp().clamp(max=100) * i @ w.T
        same = (words[rows][:, None] == words[rows][None, :]).float()
        target = same / same.sum(1, keepdim=True)
        loss = -(target * logits.log_softmax(1)).sum(1).mean() / 2 - (target * logits.T.log_softmax(1)).sum(1).mean() / 2
        # The task itself: each text selects one of the four images of its group, and each image one of the four texts.
        k, m = len(groups), len(groups) * GROUP
        own = logits[:m, :m].view(k, GROUP, k, GROUP)[torch.arange(k), :, torch.arange(k)]
        alike = same[:m, :m].view(k, GROUP, k, GROUP)[torch.arange(k), :, torch.arange(k)]
        alike = alike / alike.sum(2, keepdim=True)
        loss = loss - PICK_WEIGHT * ((alike * own.log_softmax(2)).sum(2).mean() + (alike * own.transpose(1, 2).log_softmax(2)).sum(2).mean()) / 2
        kinds = net.text(padded([wordings[rng.integers(len(wordings))] for wordings in kind_ids]))
        loss = loss + KIND_WEIGHT * sum(F.cross_entropy(KIND_SCALE * e @ kinds.T, kind[rows]) for e in (i, w)) / 2
        hard[groups // GROUP] = 1 - (alike * own.detach().transpose(1, 2).softmax(2))[:, 0].sum(1).numpy()
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        with torch.no_grad():
            for slow, now in zip(mean_net.parameters(), net.parameters()):
                slow.lerp_(now, MEAN_OVER if start_from else max(MEAN_OVER, 1 / (step + 1)))
        step += 1; seen += B
        if step % 100 == 0:
            with torch.no_grad():
                e = np.arange(held, held + 1000)
                p, t = batch(e)
                ei, ew = mean_net.image(p), mean_net.text(t)
                s = ei @ ew.T
                picks = s.view(250, GROUP, 250, GROUP)[torch.arange(250), :, torch.arange(250), 0].argmax(1) == 0
                named = [((a @ kinds.T).argmax(1) == kind[e]).float().mean() for a in (ei, ew)]
                print(f"step {step} {seen} pairs {time.time()-t0:.0f}s loss {loss:.3f} recall@1/1000 {(s.argmax(1) == torch.arange(1000)).float().mean():.3f}"
                      f" picks {picks.float().mean():.3f} kinds {named[0]:.2f} {named[1]:.2f} scale {net.scale.exp():.1f}", flush=True)
                if step % 200 == 0:
                    save(mean_net, vocab, merges, out)
    save(mean_net, vocab, merges, out)


TOP = {"scale": "logit_scale", "vproj.weight": "visual_projection.weight", "tproj.weight": "text_projection.weight",
       "cls": "vision_model.embeddings.class_embedding", "vpos": "vision_model.embeddings.position_embedding.weight",
       "patch.weight": "vision_model.embeddings.patch_embedding.weight",
       "vpre.weight": "vision_model.pre_layrnorm.weight", "vpre.bias": "vision_model.pre_layrnorm.bias",
       "vpost.weight": "vision_model.post_layernorm.weight", "vpost.bias": "vision_model.post_layernorm.bias",
       "tok.weight": "text_model.embeddings.token_embedding.weight", "tpos": "text_model.embeddings.position_embedding.weight",
       "tln.weight": "text_model.final_layer_norm.weight", "tln.bias": "text_model.final_layer_norm.bias"}
BLOCK = {"ln1": "layer_norm1", "ln2": "layer_norm2", "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
         "o": "self_attn.out_proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
NAMES = TOP | {f"{mod}.{i}.{a}.{kind}": f"{tower}.encoder.layers.{i}.{b}.{kind}"      # ours -> Hugging Face
               for tower, mod, n in (("vision_model", "v", LAYERS), ("text_model", "t", TLAYERS))
               for i in range(n) for a, b in BLOCK.items() for kind in ("weight", "bias")}


def load(folder):
    """Returns the weights of an earlier run as float32, under the names of this network."""
    b = open(folder + "/model.safetensors", "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    head = json.loads(b[8:8 + n])
    out = {}
    for ours, name in NAMES.items():
        h = head[name]
        a = np.frombuffer(b[8 + n + h["data_offsets"][0]:8 + n + h["data_offsets"][1]], {"F16": np.float16, "F32": np.float32}[h["dtype"]])
        out[ours] = a.astype(np.float32).reshape(h["shape"] if ours != "patch.weight" else (WIDTH, -1))
    return out


def save(net, vocab, merges, out):
    """Writes config, tokenizer, preprocessor and float16 weights, with Hugging Face names."""
    os.makedirs(out, exist_ok=True)
    sd = {k: v.detach().float().numpy() for k, v in net.state_dict().items()}
    w = {name: sd[ours] for ours, name in NAMES.items()}
    w["vision_model.embeddings.patch_embedding.weight"] = w["vision_model.embeddings.patch_embedding.weight"].reshape(WIDTH, 3, PATCH, PATCH)
    header, blob, at = {"__metadata__": {"format": "pt"}}, [], 0
    for k in sorted(w):
        a = np.ascontiguousarray(w[k].astype(np.float16)) if k != "logit_scale" else w[k].astype(np.float32)
        header[k] = {"dtype": "F16" if a.dtype == np.float16 else "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        blob.append(a.tobytes()); at += a.nbytes
    h = json.dumps(header, separators=(",", ":")).encode(); h += b" " * (-len(h) % 8)
    with open(out + "/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + b"".join(blob))
    start, end = vocab["<|startoftext|>"], vocab["<|endoftext|>"]
    json.dump({"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": EMBED, "logit_scale_init_value": 2.6592, "torch_dtype": "float16",
               "text_config": {"model_type": "clip_text_model", "hidden_size": TWIDTH, "intermediate_size": 4 * TWIDTH, "num_hidden_layers": TLAYERS, "num_attention_heads": TWIDTH // 64,
                               "max_position_embeddings": CONTEXT, "vocab_size": len(vocab), "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": EMBED,
                               "bos_token_id": start, "eos_token_id": end, "pad_token_id": end},
               "vision_config": {"model_type": "clip_vision_model", "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": WIDTH // 64,
                                 "image_size": SIDE, "patch_size": PATCH, "num_channels": 3, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": EMBED}}, open(out + "/config.json", "w"), indent=1)
    json.dump({"image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 3, "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE},
               "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "do_convert_rgb": True,
               "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}, open(out + "/preprocessor_config.json", "w"), indent=1)
    json.dump(vocab, open(out + "/vocab.json", "w"), ensure_ascii=False)
    open(out + "/merges.txt", "w").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    json.dump({"tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "model_max_length": CONTEXT, "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
               "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}, open(out + "/tokenizer_config.json", "w"), indent=1)


if __name__ == "__main__":
    if sys.argv[1] == "render":
        render(sys.argv[2], *map(int, sys.argv[3:5]))
    else:
        fit(sys.argv[2], sys.argv[3], float(sys.argv[4]), *sys.argv[5:6])
