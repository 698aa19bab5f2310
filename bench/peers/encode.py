"""Times the pipelines that people use to score images against prompts, from files to scores.

    python3 encode.py PIPELINE --model DIR --images DIR [--precision fp32|bf16] [--threads 2] [--batch 32] [--limit N]

PIPELINE  notebook      as in the article that docs/method.md names: torchmetrics CLIPScore, then transformers
                        embeddings, one image at a time
          torch         batched transformers CLIPModel, DataLoader workers decode and resize with Pillow
          torchvision   the same with torchvision's decoder and resize
          ort           batched ONNX Runtime, the same loader;  openvino: the same with OpenVINO
          tower         the image tower alone, on random pixels (no decoding), by PyTorch;  tower-ort, tower-openvino: by these
          text          the text tower alone
DIR is a model in the Hugging Face layout, and a folder of images with a prompts.tsv (columns file, prompt). Prints one
JSON line on stdout: images per second over the whole run after the model is loaded, and peak memory.
"""
import argparse
import csv
import json
import os
import resource
import time

import numpy as np


def rows(folder, limit):
    r = list(csv.DictReader(open(folder + "/prompts.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE))[:limit]
    return [folder + "/" + x["file"] for x in r], [x["prompt"] for x in r]


def loader(files, side, backend, workers, batch):
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)

    class Files(Dataset):
        def __len__(self):
            return len(files)

        def __getitem__(self, i):
            torch.set_num_threads(1)
            if backend == "torchvision":
                from torchvision.io import ImageReadMode, decode_image
                from torchvision.transforms.v2 import functional as T
                x = T.resize(decode_image(files[i], ImageReadMode.RGB), [side], T.InterpolationMode.BICUBIC, antialias=True)
                x = T.center_crop(x, [side])
            else:
                im = Image.open(files[i]).convert("RGB")
                k = side / min(im.size)
                im = im.resize((round(im.width * k), round(im.height * k)), Image.BICUBIC)
                l, t = (im.width - side) // 2, (im.height - side) // 2
                x = torch.from_numpy(np.array(im.crop((l, t, l + side, t + side)))).permute(2, 0, 1)
            return (x.float() / 255 - mean) / std

    return DataLoader(Files(), batch_size=batch, num_workers=workers, prefetch_factor=2 if workers else None)


def token_ids(texts, vocab):
    """Returns token ids with the real lengths, padded to 77 as transformers pads for CLIP. The time of the encoder
    does not depend on the ids themselves."""
    rng = np.random.default_rng(0)
    ids = np.full((len(texts), 77), vocab - 1, np.int64)
    for i, t in enumerate(texts):
        n = min(75, len(t.split()) + len(t.split()) // 4)
        ids[i, 0], ids[i, 1:1 + n] = vocab - 2, rng.integers(0, vocab - 2, n)
    return ids


def main():
    p = argparse.ArgumentParser()
    p.add_argument("pipeline"); p.add_argument("--model", required=True); p.add_argument("--images")
    p.add_argument("--precision", default="fp32"); p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--workers", type=int, default=os.cpu_count()); p.add_argument("--batch", type=int, default=32)
    p.add_argument("--limit", type=int); p.add_argument("--repeat", type=int, default=1)
    a = p.parse_args()
    import torch
    from transformers import CLIPModel
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    model = CLIPModel.from_pretrained(a.model, torch_dtype=torch.float32).eval()
    side = model.config.vision_config.image_size
    vocab = model.config.text_config.vocab_size
    cast = torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bf16")
    # this call works with transformers 4 and with transformers 5
    feats = lambda o: o if torch.is_tensor(o) else o.pooler_output
    unit = lambda v: v / v.norm(dim=-1, keepdim=True)

    def engine(kind):
        """Returns the image tower in ONNX Runtime or OpenVINO: [n,3,side,side] to [n,e]."""
        onnx = f"{a.model}/vision.onnx"
        if not os.path.exists(onnx):
            class Vision(torch.nn.Module):
                def forward(self, x):
                    return feats(model.get_image_features(pixel_values=x))
            torch.onnx.export(Vision(), (torch.randn(2, 3, side, side),), onnx, input_names=["x"], output_names=["y"],
                              dynamic_shapes={"x": {0: "n"}}, dynamo=True)
        if kind == "ort":
            import onnxruntime as ort
            o = ort.SessionOptions(); o.intra_op_num_threads = a.threads
            s = ort.InferenceSession(onnx, o, providers=["CPUExecutionProvider"])
            return lambda x: s.run(None, {"x": x.numpy()})[0]
        import openvino as ov
        c = ov.Core().compile_model(onnx, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": a.threads,
                                                  "INFERENCE_PRECISION_HINT": "bf16" if a.precision == "bf16" else "f32"})
        return lambda x: c(x.numpy())[0]

    if a.pipeline in ("tower", "tower-ort", "tower-openvino", "text"):
        n = a.limit or 64
        x = torch.randn(a.batch, 3, side, side)
        ids = torch.from_numpy(token_ids(["a photo of a cat on a red chair in the rain at night"] * a.batch, vocab))
        run = {"tower": lambda: model.get_image_features(pixel_values=x),
               "text": lambda: model.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids))}.get(a.pipeline)
        if run is None:
            encode = engine(a.pipeline.split("-")[1])
            run = lambda: encode(x)
        with cast:
            run()
            t0 = time.time()
            for _ in range(max(1, n // a.batch)):
                run()
        done = max(1, n // a.batch) * a.batch
        seconds = time.time() - t0
    elif a.pipeline == "notebook":
        from PIL import Image
        from transformers import CLIPImageProcessor
        files, prompts = rows(a.images, a.limit)
        proc = CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
        ids = torch.from_numpy(token_ids(prompts, vocab))
        # the notebook encodes one text at a time, so a text is not padded
        once = lambda i: int((ids[i] != vocab - 1).sum()) + 1
        t0 = time.time()
        # step 2 of the notebook: the metric gets a float tensor; its forward call runs the model twice
        for i, f in enumerate(files):
            x = np.asarray(Image.open(f).convert("RGB")).astype(np.float32)
            for _ in range(2):
                px = proc(images=[torch.from_numpy(x).permute(2, 0, 1)], return_tensors="pt")["pixel_values"]
                v = unit(feats(model.get_image_features(pixel_values=px)))
                w = unit(feats(model.get_text_features(input_ids=ids[i:i + 1, :once(i)])))
                (100 * (v * w).sum(-1)).item()
        for i, f in enumerate(files):  # step 3 of the notebook: the whole model gets the PIL image
            px = proc(images=Image.open(f).convert("RGB"), return_tensors="pt")["pixel_values"]
            o = model(input_ids=ids[i:i + 1, :once(i)], pixel_values=px, output_hidden_states=True)
            o.image_embeds[0].tolist(), o.text_embeds[0].tolist()
        done, seconds = len(files), time.time() - t0
    else:
        files, prompts = rows(a.images, a.limit)
        ids = token_ids(prompts, vocab)
        data = loader(files, side, "torchvision" if a.pipeline == "torchvision" else "pillow", a.workers, a.batch)
        if a.pipeline in ("ort", "openvino"):
            encode = engine(a.pipeline)
        else:
            encode = lambda x: feats(model.get_image_features(pixel_values=x)).float().numpy()
        t0 = time.time()
        with cast:
            text = {}
            distinct = list(dict.fromkeys(prompts))
            for i in range(0, len(distinct), a.batch):
                b = distinct[i:i + a.batch]
                t = torch.from_numpy(token_ids(b, vocab))
                w = unit(feats(model.get_text_features(input_ids=t, attention_mask=torch.ones_like(t))).float()).numpy()
                text.update(zip(b, w))
            v = np.concatenate([encode(x) for x in data])
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        score = 100 * (v * np.stack([text[p] for p in prompts])).sum(1)
        done, seconds = len(files), time.time() - t0
        assert np.isfinite(score).all()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * a.workers) // 1024
    print(json.dumps({"pipeline": a.pipeline, "precision": a.precision, "threads": a.threads, "batch": a.batch, "model": os.path.basename(a.model),
                      "done": done, "seconds": round(seconds, 3), "per_second": round(done / seconds, 3), "peak_mb": peak}))


if __name__ == "__main__":
    main()
