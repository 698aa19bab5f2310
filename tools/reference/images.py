# SPDX-License-Identifier: MIT
"""Pixels by Pillow and by transformers' Pillow-backed processors: tests/golden/images.

The pictures in in/ and crop/ are the inputs.  Results made from them, as CRC-32 of uint8 [h, w, 3] and of float32 [3,
s, s]:
images.json   pixels after convert("RGB"); resized, cropped and as values at 224, 336 and 112 pixels
crops.json    do_resize false: also pictures smaller than the crop, which is padded
square.json   resized to an exact square, mean and std 0.5 (SiglipImageProcessorPil)
sizes.json    only sizes and offsets, and torchvision's offset if it is rounded differently
"""
import numpy as np
from PIL import Image, features

from .common import GOLDEN, crc, different, read_rows, verdict, write_rows

HERE = GOLDEN / "images"
TARGETS = (224, 336, 112)


def processor(side: int, **more):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    return CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side}, **more)


def hwc(planes) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(np.asarray(planes), 0, -1))


def plain_rgb(image: Image.Image) -> Image.Image:
    """Returns convert("RGB") without the `transparency` that it may leave in .info, which transformers 5 would use."""
    return Image.fromarray(np.array(image.convert("RGB")))


def target(rgb: Image.Image, side: int, p) -> dict:
    resized = hwc(p(images=rgb, do_center_crop=False, do_rescale=False, do_normalize=False)["pixel_values"][0])
    crop = hwc(p(images=rgb, do_rescale=False, do_normalize=False)["pixel_values"][0])
    values = np.asarray(p(images=rgb)["pixel_values"][0])
    assert resized.dtype == crop.dtype == np.uint8 and values.dtype == np.float32
    h, w = resized.shape[:2]
    left, top = (w - side) // 2, (h - side) // 2
    assert np.array_equal(crop, resized[top:top + side, left:left + side])
    return {"resized": [w, h], "resized_crc32": crc(resized), "left_top": [left, top], "crop_crc32": crc(crop), "pixel_values_crc32": crc(values)}


def image_row(old: dict, processors: dict) -> dict:
    from transformers.image_transforms import convert_to_rgb
    path = HERE / old["file"]
    image = Image.open(path)
    mode, kind, rgb = image.mode, image.format, plain_rgb(image)
    row = {"file": old["file"], "file_crc32": crc(path.read_bytes()), "format": kind, "mode": mode, "width": rgb.width, "height": rgb.height,
           "rgb_crc32": crc(np.array(rgb)), "targets": {}}
    if "note" in old:
        row["note"] = old["note"]
    # transformers 5 blends images with transparency onto white; goldpan and transformers 4 only remove alpha
    white = np.ascontiguousarray(convert_to_rgb(image, return_numpy=True))
    if not np.array_equal(white, np.array(rgb)):
        row["rgb_on_white_crc32"] = crc(white)
    row["targets"] = {str(side): target(rgb, side, p) for side, p in processors.items()}
    for t, was in zip(row["targets"].values(), old["targets"].values()):
        t |= {k: v for k, v in was.items() if k == "rule_equals_float"}
    return row


def crop_row(old: dict) -> dict:
    path = HERE / old["in"]
    if not path.exists():  # the larger test images are not in this repository
        return old
    side = old["crop"]
    crop = hwc(processor(side, do_resize=False)(images=Image.open(path), do_rescale=False, do_normalize=False)["pixel_values"][0])
    return old | {"shape": list(crop.shape), "crc32": crc(crop)}


def square_row(old: dict) -> dict:
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    rgb, (w, h) = plain_rgb(Image.open(HERE / old["file"])), old["size"]
    p = SiglipImageProcessorPil(size={"height": h, "width": w}, resample={"bicubic": 3, "bilinear": 2}[old["resample"]])
    pixels = hwc(p(images=rgb, do_rescale=False, do_normalize=False)["pixel_values"][0])
    return old | {"crc32": crc(pixels), "pixel_values_crc32": crc(np.asarray(p(images=rgb)["pixel_values"][0]))}


def size_row(old: dict) -> dict:
    from transformers.image_transforms import get_resize_output_image_size
    (w, h), side = old["in"], old["target"]
    oh, ow = get_resize_output_image_size(np.zeros((3, h, w), np.uint8), size=side, default_to_square=False, input_data_format="channels_first")
    return {"target": side, "in": [w, h], "resized": [ow, oh], "left_top": [(ow - side) // 2, (oh - side) // 2],
            "torchvision_left_top": [int(round((ow - side) / 2)), int(round((oh - side) / 2))]}


def run(args) -> int:
    processors = {side: processor(side) for side in TARGETS}
    bad, counts = [], []
    for file, key, name, make in (("images.json", "images", "file", lambda r: image_row(r, processors)), ("crops.json", "cases", "in", crop_row),
                                  ("square.json", "cases", "file", square_row), ("sizes.json", "cases", "in", size_row)):
        head, old = read_rows(HERE / file, key)
        new = [make(r) for r in old]
        counts.append(len(new))
        bad += [f"{file}: {o[name]}: {d}" for o, n in zip(old, new) for d in different(o, n)]
        if not args.check:
            if "pillow" in head:
                head |= {"pillow": features.version("pil"), "libjpeg_turbo": features.version("libjpeg_turbo"), "webp": features.version("webp")}
            write_rows(HERE / file, head, key, new)
    if args.check:
        unlisted = {f"in/{p.name}" for p in (HERE / "in").iterdir()} - {r["file"] for r in read_rows(HERE / "images.json", "images")[1]}
        bad += [f"images.json: {f} is not in it" for f in sorted(unlisted)]
        return verdict("images", f"{counts[0]} pictures at 3 sizes, {counts[1]} crops, {counts[2]} squares, {counts[3]} sizes, exact", bad)
    print(f"images: {sum(counts)} cases written, {len(bad)} changed")
    return 0
