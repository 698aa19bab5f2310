"""Draws a sample: prompts of the drawn world with four candidates each, in the layout of a generator.

    python3 sample.py OUT SEED [PROMPTS=64] [SIDE=256] [--uneven]

Of the four candidates of a prompt one is faithful and three are flawed in a known way. Every PNG carries its prompt and
settings in AUTOMATIC1111's form (text chunk `parameters`); all four candidates have the same prompt, even if the
drawing does not match it. Writes OUT/CATEGORY/NUMBER-SEED.png, and OUT/answers.csv with the columns file, prompt,
category, flaw (empty: faithful) and copy_of. Deterministic: the same seed draws the same bytes (for one version of
cairo, numpy and Pillow).

--uneven draws a sample that is more like the output of a real generator, so that every command of goldpan finds
something (the bundled sample is `sample.py OUT 777 64 256 --uneven`):
- images of landscapes and vehicles have one flaw in eight instead of six: slices that score significantly higher;
- three landscapes have a near-duplicate: the faithful image, drawn again with slightly changed light;
- one prompt has no faithful image: that image is drawn with its two objects on swapped sides;
- one image is black, as if a safety filter had blocked it.
The other images are the same as without --uneven.
"""
import csv
import os
import random
import sys

from PIL import Image, ImageEnhance
from PIL.PngImagePlugin import PngInfo

from world import CATEGORIES, after_effect, caption, draw, flawed, mirrored, sample_scene

WELL_DRAWN = {"landscapes", "vehicles"}
NEAR_COPIES = {15, 39, 63}  # numbers of the prompts that get a near-duplicate
NEVER_RIGHT = 21
BLACK = 30


def candidates(scene, rng):
    """Returns (scene as drawn, after-effect, flaw) of the four candidates, in random order.  The flaws differ where
    possible."""
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


def made_uneven(number, scene, four):
    """Returns the four candidates as --uneven changes them: drawn without flaws, none of them right, or one of them
    black."""
    wrong = [i for i, (_, _, flaw) in enumerate(four) if flaw]
    right = next(i for i, (_, _, flaw) in enumerate(four) if not flaw)
    if scene.category in WELL_DRAWN:  # every other prompt has one flawed image
        for i in wrong[number // 8 % 2 :]:
            four[i] = (scene, "", "")
    if number == NEVER_RIGHT:
        four[right] = (mirrored(scene), "", "relation")
    if number == BLACK:
        four[wrong[0]] = (scene, "black", "black")
    return four


def near_copy(im):
    """Returns the image in slightly different light, like the same seed with another sampler."""
    return ImageEnhance.Brightness(im).enhance(0.97)


def infotext(prompt, seed, side):
    return (f"{prompt}\nNegative prompt: blurry, noisy\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, "
            f"Size: {side}x{side}, Model hash: d7a3ec0f1e, Model: drawn-world, Version: v1.10.1")


def draw_prompt(out, number, scene, prompt, rng, side, uneven):
    """Draws and saves the four candidates.  Returns their rows of the answer key."""
    rows, first = [], None
    four = candidates(scene, rng)
    if uneven:
        four = made_uneven(number, scene, four)
    for drawn, effect, flaw in four:
        seed = rng.randrange(1 << 32)
        im = after_effect(draw(drawn, side, random.Random(seed)), effect, random.Random(seed + 1))
        name, copy_of = f"{scene.category}/{number:03}-{seed}.png", ""
        if uneven and number in NEAR_COPIES and not flaw:
            if first is None:
                first = (name, im)
            elif not any(r[4] for r in rows):
                im, copy_of = near_copy(first[1]), first[0]
        info = PngInfo()
        info.add_text("parameters", infotext(prompt, seed, side))
        im.save(f"{out}/{name}", pnginfo=info, optimize=True)
        rows.append((name, prompt, scene.category, flaw, copy_of))
    return rows


def main(out, seed, prompts=64, side=256, uneven=False):
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
        rows += draw_prompt(out, number, scene, prompt, rng, side, uneven)
    with open(f"{out}/answers.csv", "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(("file", "prompt", "category", "flaw", "copy_of"))
        w.writerows(rows)
    print(len(rows), "images of", len(seen), "prompts")


if __name__ == "__main__":
    words = [a for a in sys.argv[1:] if a != "--uneven"]
    main(words[0], int(words[1]), *(int(a) for a in words[2:]), uneven="--uneven" in sys.argv)
