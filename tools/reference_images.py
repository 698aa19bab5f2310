# SPDX-License-Identifier: MIT
"""The drawn pictures of tests/golden/images by Pillow and transformers' Pillow-backed processor: reference.py images.

Recomputed and compared with images.json, by CRC-32: pixels after convert("RGB"), after the whole resize, after the crop, and
the float values, at 224, 336 and 112 pixels.
"""
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def crc(array) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"


def differences(folder: Path, entry: dict, processors: dict):
    rgb = Image.open(folder / entry["file"]).convert("RGB")
    rgb = Image.fromarray(np.array(rgb))
    if crc(np.array(rgb)) != entry["rgb_crc32"]:
        yield "pixels"
    for side, want in entry["targets"].items():
        resized = rgb.resize(tuple(want["resized"]), Image.BICUBIC)
        left, top = want["left_top"]
        crop = np.array(resized)[top:top + int(side), left:left + int(side)]
        values = processors[side](images=rgb)["pixel_values"][0].astype("<f4")
        for name, got in (("resized", np.array(resized)), ("crop", crop), ("pixel_values", values)):
            if crc(got) != want[f"{name}_crc32"]:
                yield f"{name} at {side}"


def run(root: Path) -> int:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    folder = root / "tests" / "golden" / "images"
    entries = json.loads((folder / "images.json").read_text())["images"]
    processors = {str(s): CLIPImageProcessorPil(size={"shortest_edge": s}, crop_size={"height": s, "width": s}) for s in (224, 336, 112)}
    bad = [f"{e['file']}: {d}" for e in entries for d in differences(folder, e, processors)]
    for line in bad[:20]:
        print("images:", line, "DIFFERENT")
    print(f"images: {len(entries)} pictures at 3 sizes: {'equal' if not bad else f'{len(bad)} DIFFERENT'}")
    return 1 if bad else 0
