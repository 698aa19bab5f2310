# SPDX-License-Identifier: MIT
"""Makes images of the drawn world from a prompt and a seed.

The prompt is converted to a scene, by the inverse of world.caption(). The seed chooses everything that the prompt does
not name. Of a prompt's images 10 to 80 % are faithful (the share comes from a hash of the prompt), and the others have
a flaw; the seed decides which. An image's content depends only on prompt and seed, so an image of another size shows
the same scene.
"""
import hashlib
import io
import json
import os
import random
import re
import secrets
import sys
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "drawn_world"))
import world  # noqa: E402

MODEL, MODEL_HASH = "drawn-world", "d7a3ec0f1e"
MOST_SIDE = 4096
# the flaw `noise` is drawn at this size, where it is as strong as in the sample; noise drawn on a larger image would
# average out when the image is reduced
NOISE_SIDE = 256

STYLE_WORDS = {"a pencil sketch of ": r"(?:pencil )?sketch|pencil drawing", "an oil painting of ": r"oil painting|painting",
               "pixel art of ": r"pixel art"}
PLACE_WORDS = {"on a beach": "beach", "in the desert": "desert", "in a meadow": "meadow", "in the snow": "snow",
               "in the mountains": "mountains?", "on the moon": "moon"}
TIME_WORDS = {"at night": r"(?:at )?night", "at sunset": r"(?:at )?sunset", "in the rain": r"(?:in the )?rain"}
EXTRA_WORDS = {"wearing glasses": r"(?:wearing |with |and )?glasses", "wearing a hat": r"(?:wearing |with |and )?(?:a )?hat",
               "with a beard": r"(?:with |and )?(?:a )?beard"}
MOOD_WORDS = {"smiling": "smiling|happy", "sad": "sad|unhappy"}
NUMBER_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "1": 1, "2": 2, "3": 3, "4": 4}
LAND_WORDS = {"mountain": "mountain", "mountains": "mountain", "beach": "beach", "desert": "desert", "forest": "forest",
              "city": "city", "skyline": "city"}
CATEGORY = {thing: name for name, things in world.CATEGORIES.items() for thing in things}


def nouns():
    """Returns {word or words: (thing, whether the word means several)}, for singular and plural."""
    found = {}
    for name, things in world.CATEGORIES.items():
        if name != "landscapes":
            for thing in things:
                found[world.plural(thing)] = (thing, True)
                found[thing] = (thing, False)  # "fish" means one fish unless the prompt has a number
    found.update(men=("man", True), women=("woman", True), children=("child", True))
    return found


NOUNS = nouns()
NOUN = re.compile(r"\b(%s)\b" % "|".join(sorted(NOUNS, key=len, reverse=True)))
COLOR = "|".join(world.COLORS)


def dice(*what):
    """Returns a random.Random for one decision, seeded by its words: the same on any machine."""
    text = json.dumps(what, ensure_ascii=True).encode()
    return random.Random(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))


class Reader:
    """Removes known phrases from a prompt, one after the other."""

    def __init__(self, prompt):
        text = re.sub(r"<[^>]*>", " ", prompt.lower())             # <lora:name:0.8>
        text = re.sub(r":\s*-?\d+(?:\.\d+)?\s*\)", ")", text)       # (word:1.2)
        self.text = " ".join(re.findall(r"[^\W_]+", text)).replace("grey", "gray")

    def take(self, table, shape=r"\b(?:%s)\b"):
        for value, words in table.items():
            found = re.search(shape % words, self.text)
            if found:
                self.text = self.text[:found.start()] + "|" + self.text[found.end():]
                return value
        return ""

    def thing(self, found):
        """Returns (thing, colour or "", count) of a noun.  Colour and number are among the few words before it."""
        before = self.text[:found.start()]
        last = [m.end() for m in NOUN.finditer(before)]
        words = before[last[-1] if last else 0:].split("|")[-1].split()[-5:]
        thing, many = NOUNS[found.group(1)]
        color = next((w for w in reversed(words) if w in world.COLORS), "")
        count = next((NUMBER_WORDS[w] for w in reversed(words) if w in NUMBER_WORDS), 2 if many else 1)
        return thing, color, count


def parse(prompt):
    """Returns (scene, whether the prompt names anything of the drawn world): the inverse of world.caption().
    Colours, hair and mood that the prompt does not name stay empty."""
    r = Reader(prompt)
    style = r.take(STYLE_WORDS)
    place = r.take(PLACE_WORDS, r"\b(?:in|on|at) (?:an? |the )?(?:%s)\b")
    time = r.take(TIME_WORDS)
    hair = re.search(r"\b(%s) hair\b" % COLOR, r.text)
    if hair:
        r.text = r.text[:hair.start()] + "|" + r.text[hair.end():]
    extra, mood = r.take(EXTRA_WORDS), r.take(MOOD_WORDS)
    found = list(NOUN.finditer(r.text))
    if found:
        thing, color, count = r.thing(found[0])
        category = CATEGORY[thing]
        if category == "people":
            if thing == "robot":
                return world.Scene(category, thing, color=color, mood=mood, style=style), True
            return world.Scene(category, thing, hair=hair.group(1) if hair else "", extra=extra, mood=mood, style=style), True
        if category == "shapes":
            for other in found[1:]:
                between = re.search(r"\b(above|below|left of|right of)\b", r.text[found[0].end():other.start()])
                second, second_color, _ = r.thing(other)
                if between and CATEGORY[second] == "shapes":
                    return world.Scene(category, thing, color, second=second, second_color=second_color,
                                       relation=between.group(1), style=style), True
        return world.Scene(category, thing, color, count=count, place=place, time=time, style=style), True
    land = next((LAND_WORDS[w] for w in r.text.replace("|", " ").split() if w in LAND_WORDS), "")
    if not land and place:  # a place such as "on the moon" names none of the lands
        land = {"on a beach": "beach", "in the desert": "desert", "in the mountains": "mountain"}.get(place, "")
    if land:
        return world.Scene("landscapes", land, time=time, style=style), True
    scene = world.sample_scene(dice("scene", prompt))
    return replace(scene, style=style or scene.style), bool(style or place or time or extra or mood)


def fill(scene, rng):
    """Returns the scene with random choices for everything that the prompt left open."""
    color = rng.choice(list(world.COLORS))
    if scene.category == "landscapes":
        return scene
    if scene.category == "people":
        return replace(scene, color=scene.color or color, hair=scene.hair or rng.choice(world.HAIR),
                       mood=scene.mood or rng.choice(world.MOODS))
    first = scene.color or color
    other = rng.choice([c for c in world.COLORS if c != first])
    return replace(scene, color=first, second_color=scene.second_color or other if scene.second else "")


def share(prompt):
    """Returns the share of faithful images of a prompt: 0.1 to 0.8, on average 0.33."""
    return 0.1 + 0.7 * dice("share", prompt).random() ** 2


@dataclass(frozen=True)
class Plan:
    scene: world.Scene  # the scene as drawn
    effect: str
    flaw: str           # "": faithful
    share: float


def plan(prompt, seed):
    asked, _ = parse(prompt)
    rng = dice("flaw", prompt, seed)
    drawn, effect, flaw = (asked, "", "") if rng.random() < share(prompt) else world.flawed(asked, rng)
    return Plan(fill(drawn, dice("fill", prompt, seed)), effect, flaw, share(prompt))


def picture(prompt, seed, width, height):
    """Returns an RGB image. The drawn world is square. In an image that is not square, the world is in the middle,
    and its edge pixels continue on both sides."""
    p = plan(prompt, seed)
    side = min(width, height)
    first = min(side, NOISE_SIDE) if p.effect == "noise" else side
    im = world.after_effect(world.draw(p.scene, first, dice("draw", prompt, seed)), p.effect, dice("effect", prompt, seed))
    if first != side:
        im = im.resize((side, side), Image.BICUBIC)
    x, y = width - side, height - side
    if x or y:
        im = Image.fromarray(np.pad(np.asarray(im), ((y // 2, y - y // 2), (x // 2, x - x // 2), (0, 0)), mode="edge"))
    return im


def encode(im, text=(), form="png", quality=None):
    """Returns the bytes of an image file; `text`: PNG text chunks (key, value)."""
    out = io.BytesIO()
    if form == "png":
        info = PngInfo()
        for key, value in text:
            info.add_text(key, value)
        im.save(out, "PNG", pnginfo=info)
    else:
        im.save(out, form.upper(), quality=90 if quality is None else quality)
    return out.getvalue()


def any_seed(seed, bits=32):
    """Returns the seed, or a random seed for None and negative values."""
    return secrets.randbits(bits) if seed is None or seed < 0 else seed


def next_seed(*what):
    return dice("next", *what).getrandbits(32)


def settings_line(pairs):
    """Returns AUTOMATIC1111's last line: a value with a comma, a colon or a newline is in quotes."""
    def value(v):
        v = str(v)
        return json.dumps(v, ensure_ascii=False) if re.search(r"[,:\n]", v) else v
    return ", ".join("%s: %s" % (k, value(v)) for k, v in pairs if v is not None)


def infotext(prompt, negative, pairs):
    return prompt + ("\nNegative prompt: " + negative if negative else "") + "\n" + settings_line(pairs)
