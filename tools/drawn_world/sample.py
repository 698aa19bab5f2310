"""Draw a sample: prompts of the drawn world with four candidates each, as a generator would have left them.

    python3 sample.py OUT SEED [PROMPTS=64] [SIDE=256]

Of the four candidates of a prompt one is faithful and three are flawed in a known way. Every PNG carries its prompt and
settings in AUTOMATIC1111's form (text chunk `parameters`); the prompt is asked of all four, whatever was drawn.
OUT/CATEGORY/NUMBER-SEED.png, and OUT/answers.csv: file, prompt, category, flaw (empty: the faithful one).
Deterministic: the same seed draws the same bytes (for one version of cairo, numpy and Pillow).
"""
import csv
import os
import random
import sys

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from world import CATEGORIES, after_effect, caption, draw, flawed, sample_scene


def candidates(scene, rng):
    """(scene as drawn, after-effect, flaw) of the four, in random order; flaws differ where they can."""
    out, flaws = [(scene, "", "")], set()
    for _ in range(3):
        for _ in range(20):
            c = flawed(scene, rng)
            if c[2] not in flaws:
                break
        flaws.add(c[2])
        out.append(c)
    rng.shuffle(out)
    return out


def infotext(prompt, seed, side):
    return (f"{prompt}\nNegative prompt: blurry, noisy\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, "
            f"Size: {side}x{side}, Model hash: d7a3ec0f1e, Model: drawn-world, Version: v1.10.1")


def main(out, seed, prompts=64, side=256):
    rng = random.Random(seed)
    rows, seen = [], set()
    names = list(CATEGORIES)
    while len(seen) < prompts:
        category = names[len(seen) % len(names)]
        scene = sample_scene(rng, category)
        prompt = caption(scene, rng)
        if prompt in seen:
            continue
        number = len(seen)
        seen.add(prompt)
        os.makedirs(f"{out}/{category}", exist_ok=True)
        for drawn, effect, flaw in candidates(scene, rng):
            image_seed = rng.randrange(1 << 32)
            im = after_effect(draw(drawn, side, random.Random(image_seed)), effect, random.Random(image_seed + 1))
            info = PngInfo()
            info.add_text("parameters", infotext(prompt, image_seed, side))
            name = f"{category}/{number:03}-{image_seed}.png"
            im.save(f"{out}/{name}", pnginfo=info, optimize=True)
            rows.append((name, prompt, category, flaw))
    with open(f"{out}/answers.csv", "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(("file", "prompt", "category", "flaw"))
        w.writerows(rows)
    print(len(rows), "pictures of", len(seen), "prompts")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *(int(a) for a in sys.argv[3:]))
