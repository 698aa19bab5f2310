#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library reads files of other programs correctly (read_files.c): pixels equal Pillow's, texts and prompts equal
those that were written, tables equal the rows that Python's csv and json modules wrote, and token ids of a full-size
vocabulary equal those of the plain algorithm.

The test makes all files itself, from seeds.  read_files_test.py READ_FILES"""
import csv
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

SYSTEM = "/usr/bin/python3"
try:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo
except ImportError:
    # Debian's package of Pillow is built for SYSTEM, and the first python3 in PATH may be another Python.
    if os.path.realpath(sys.executable) != os.path.realpath(SYSTEM):
        os.execv(SYSTEM, [SYSTEM, os.path.abspath(__file__), *sys.argv[1:]])
    raise

READ_FILES = sys.argv.pop(1)
WORDS = "a the red blue old tiny golden stormy quiet fox castle harbour lantern mountain of in under above with painting " \
        "photo mist snow café señor naïve 猫 città 1girl 8k f/1.8 don't hand-drawn masterpiece".split()


def crc(data):
    return "%08x" % zlib.crc32(data.encode() if isinstance(data, str) else data)


def sentence(rng, least=3, most=14):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


class Read(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.rng = random.Random(19)

    def at(self, name):
        return os.path.join(self.folder, name)

    def read(self, kind, names):
        """Returns the lines that read_files prints for each file."""
        run = subprocess.run([READ_FILES, kind, *map(self.at, names)], stdout=subprocess.PIPE, check=True, timeout=600)
        blocks = run.stdout.decode().split("end\n")
        self.assertEqual(blocks.pop(), "")
        self.assertEqual(len(blocks), len(names))
        return [block.splitlines() for block in blocks]


class Pixels(Read):
    def image(self, mode, width, height):
        """Returns an image of random colour cells with noise, in any Pillow mode."""
        bands = len(Image.new(mode, (1, 1)).getbands()) if mode not in ("1", "P") else 1
        def plane():
            coarse = Image.frombytes("L", (8, 8), self.rng.randbytes(64)).resize((width, height), Image.BILINEAR)
            return Image.blend(coarse, Image.frombytes("L", (width, height), self.rng.randbytes(width * height)), 0.2)
        if mode in ("1", "P"):
            return plane().convert("RGB").quantize(17) if mode == "P" else plane().convert("1")
        return Image.merge(mode, [plane() for _ in range(bands)]) if bands > 1 else plane()

    def files(self):
        """Writes files of every kind that Pillow can write; returns their names."""
        names = []
        def save(image, name, **options):
            names.append("%03d-%s" % (len(names), name))
            image.save(self.at(names[-1]), **options)
        for width, height in ((1, 1), (7, 3), (16, 16), (33, 17), (130, 95), (257, 64)):
            for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
                save(self.image(mode, width, height), mode + ".png", compress_level=self.rng.randint(0, 9))
            for bits in (1, 2, 4):
                save(self.image("L", width, height).quantize(2 ** bits), "P%d.png" % bits, bits=bits)
            save(self.image("P", width, height), "transparent.png", transparency=3)
            for quality in (20, 75, 97):
                for subsampling in (0, 1, 2):
                    for progressive in (False, True):
                        save(self.image("RGB", width, height), "%d-%d.jpg" % (quality, subsampling), quality=quality,
                             subsampling=subsampling, progressive=progressive)
            save(self.image("L", width, height), "L.jpg", optimize=True)
            save(self.image("CMYK", width, height), "cmyk.jpg", quality=90)
            save(self.image("RGB", width, height), "lossy.webp", quality=60)
            save(self.image("RGBA", width, height), "alpha.webp", quality=80)
            save(self.image("RGBA", width, height), "lossless.webp", lossless=True, exact=True)
        return names

    def test_as_pillow(self):
        names = self.files()
        self.assertGreater(len(names), 190)
        for name, lines in zip(names, self.read("pixels", names)):
            with Image.open(self.at(name)) as image:
                rgb = image.convert("RGB")
            self.assertEqual(lines, ["%dx%d %s" % (*rgb.size, crc(rgb.tobytes()))], name)

    def test_damage_is_an_error_or_pixels(self):
        """A truncated file is an error, as for Pillow.  Other damage gives an error message or an image, never a
        crash."""
        whole = [name for name in self.files() if os.path.getsize(self.at(name)) > 600]
        short, damaged = [], []
        for name in whole[::3]:
            with open(self.at(name), "rb") as file:
                data = file.read()
            for part in (0, 1, 11, len(data) // 3, len(data) * 2 // 3):
                short.append("%d-%s" % (part, name))
                with open(self.at(short[-1]), "wb") as file:
                    file.write(data[:part])
            for i in range(6):
                bad = bytearray(data)
                for _ in range(1 + i):
                    bad[self.rng.randrange(8, len(bad))] ^= 1 << self.rng.randrange(8)
                damaged.append("bad%d-%s" % (i, name))
                with open(self.at(damaged[-1]), "wb") as file:
                    file.write(bad)
        for name, lines in zip(short, self.read("pixels", short)):
            self.assertRegex(lines[0], r"^error [^\n]+[^.]$", name)
        for name, lines in zip(damaged, self.read("pixels", damaged)):
            self.assertRegex(lines[0], r"^(error [^\n]+[^.]|\d+x\d+ [0-9a-f]{8})$", name)


def exif_of(comment, big, make=""):
    """Returns an EXIF block with a UserComment in UTF-16, as web UIs write it into JPEG and WebP, and a Make."""
    order = ">" if big else "<"
    comment = b"UNICODE\0" + comment.encode("utf-16-be" if big else "utf-16-le")
    make = make.encode() + bytes(9)
    private = 8 + 2 + 2 * 12 + 4
    data = private + 2 + 12 + 4
    return b"Exif\0\0" + (b"MM\0*" if big else b"II*\0") + struct.pack(order + "I", 8) + struct.pack(
        order + "H HHII HHII I H HHII I", 2, 0x010F, 2, len(make), data, 0x8769, 4, 1, private, 0,
        1, 0x9286, 7, len(comment), data + len(make), 0) + make + comment


class Texts(Read):
    def test_texts_in_png(self):
        """Tests texts in tEXt, iTXt and zTXt chunks, before and after the pixels."""
        names, wanted = [], []
        for i in range(60):
            info, texts = PngInfo(), []
            for k in range(self.rng.randint(1, 5)):
                key, text, packed = "key%d" % k, sentence(self.rng, 1, 300), self.rng.random() < 0.5
                kind = self.rng.randrange(2)
                if kind == 0:
                    text = text.encode("latin-1", "ignore").decode("latin-1")
                    info.add_text(key, text, zip=packed)
                else:
                    info.add_itxt(key, text, zip=packed)
                texts.append("%s %d %s" % (key, len(text.encode()), crc(text)))
            names.append("%d.png" % i)
            wanted.append(texts)
            Image.new("RGB", (4, 4), (i, 2, 3)).save(self.at(names[-1]), pnginfo=info)
        for name, lines, texts in zip(names, self.read("texts", names), wanted):
            self.assertEqual(sorted(lines), sorted(texts), name)

    def test_texts_in_jpeg_and_webp(self):
        names, wanted = [], []
        for i in range(60):
            comment, make = sentence(self.rng, 2, 200), sentence(self.rng, 2, 9).encode("ascii", "ignore").decode()
            xmp = ("<x:xmpmeta>%s</x:xmpmeta>" % sentence(self.rng)).encode()
            texts = ["exif:Make %d %s" % (len(make), crc(make)), "exif:UserComment %d %s" % (len(comment.encode()), crc(comment))]
            names.append("%d.%s" % (i, ("jpg", "webp")[i // 2 % 2]))
            options = {"exif": exif_of(comment, i % 2 == 0, make)}
            if names[-1].endswith("webp"):
                options["xmp"] = xmp
                texts.append("xmp %d %s" % (len(xmp), crc(xmp)))
            Image.new("RGB", (9, 5), (i, 2, 3)).save(self.at(names[-1]), **options)
            wanted.append(texts)
        for name, lines, texts in zip(names, self.read("texts", names), wanted):
            self.assertEqual(sorted(lines), sorted(texts), name)

    def prompt(self, name, prompt, negative, evidence, tool, settings):
        (line,), = self.read("prompt", [name])
        found, how, first, second, given = line.split(" ", 4)
        self.assertEqual([found, how, first, second],
                         [tool, evidence, crc(prompt), crc(negative) if negative else "00000000"], (name, prompt))
        given = json.loads(given)
        for key, value in settings.items():
            self.assertEqual(given.get(key), value, (name, key, given))

    def test_prompts_of_web_uis(self):
        """The infotext of AUTOMATIC1111 and compatible programs, in each of the three file formats."""
        for i in range(90):
            prompt, negative = sentence(self.rng, 3, 60), sentence(self.rng, 2, 20) if i % 3 else None
            settings = {"steps": self.rng.randint(1, 60), "sampler": self.rng.choice(("Euler a", "DPM++ 2M Karras", "UniPC")),
                        "cfg_scale": self.rng.choice((5, 6.5, 7)), "seed": self.rng.getrandbits(32),
                        "width": 64 * self.rng.randint(4, 20), "height": 64 * self.rng.randint(4, 20), "model": "own-model_v%d" % i}
            text = prompt + ("\nNegative prompt: " + negative if negative else "")
            text += "\nSteps: %(steps)d, Sampler: %(sampler)s, CFG scale: %(cfg_scale)s, Seed: %(seed)d, Size: %(width)dx%(height)d, Model: %(model)s" % settings
            name = "%d.%s" % (i, ("png", "jpg", "webp")[i % 3])
            image = Image.new("RGB", (8, 8), (i, 0, 0))
            if name.endswith("png"):
                info = PngInfo()
                info.add_text("parameters", text) if i % 2 else info.add_itxt("parameters", text)
                image.save(self.at(name), pnginfo=info)
            else:
                image.save(self.at(name), exif=exif_of(text, i % 2 == 0))
            self.prompt(name, prompt, negative, "stated", "a1111", settings)

    def test_prompts_of_comfyui(self):
        """Tests graphs with one sampler, random node numbers, and the positive and the negative text in either
        order."""
        for i in range(40):
            prompt, negative = sentence(self.rng, 3, 40), sentence(self.rng, 2, 20)
            ids = [str(n) for n in self.rng.sample(range(1, 300), 7)]
            model, good, bad, latent, sampler, vae, save = ids
            seed, steps = self.rng.getrandbits(48), self.rng.randint(1, 50)
            nodes = {model: {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "own.safetensors"}},
                     good: {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": [model, 1]}},
                     bad: {"class_type": "CLIPTextEncode", "inputs": {"text": negative, "clip": [model, 1]}},
                     latent: {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
                     sampler: {"class_type": "KSampler", "inputs": {
                         "seed": seed, "steps": steps, "cfg": 6.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1,
                         "model": [model, 0], "positive": [good, 0], "negative": [bad, 0], "latent_image": [latent, 0]}},
                     vae: {"class_type": "VAEDecode", "inputs": {"samples": [sampler, 0], "vae": [model, 2]}},
                     save: {"class_type": "SaveImage", "inputs": {"filename_prefix": "own", "images": [vae, 0]}}}
            order = list(nodes)
            self.rng.shuffle(order)
            info = PngInfo()
            info.add_text("prompt", json.dumps({k: nodes[k] for k in order}))
            Image.new("RGB", (8, 8), (i, 0, 0)).save(self.at("graph.png"), pnginfo=info)
            self.prompt("graph.png", prompt, negative, "derived", "comfyui",
                        {"seed": seed, "steps": steps, "width": 512, "height": 768})

    def test_no_prompt(self):
        """Tests texts of other programs: goldpan must find no prompt instead of a wrong prompt."""
        for i, (key, text) in enumerate((("Software", "a paint program"), ("Comment", "holiday"), ("parameters", "no settings in here"),
                                         ("prompt", "not a graph"), ("workflow", "{}"), ("Description", "a cat"))):
            info = PngInfo()
            info.add_text(key, text)
            Image.new("RGB", (8, 8), (i, 0, 0)).save(self.at("%d.png" % i), pnginfo=info)
            (line,), = self.read("prompt", ["%d.png" % i])
            self.assertIn(line.split()[1], ("none", "guess"), (key, line))


class Tables(Read):
    def rows(self, count):
        """Returns rows with quotes, separators, line ends and letters of other scripts."""
        odd = ['say "hi"', "a, b", "two\nlines", "tab\tinside", "", "  spaces  ", "ends with \"", "猫, città", "'single'", "0012", "-1e5"]
        return [{"id": str(i), "prompt": sentence(self.rng), "odd": self.rng.choice(odd), "note": self.rng.choice(("", sentence(self.rng)))}
                for i in range(count)]

    def wanted(self, rows):
        columns = list(rows[0])
        return ["%d %d" % (len(rows), len(columns))] + \
               ["%s %s" % (c, crc("".join("\t" if row[c] is None else row[c] + "\n" for row in rows))) for c in columns]

    def check(self, name, rows):
        lines, = self.read("table", [name])
        self.assertEqual(lines, self.wanted(rows), name)

    def test_csv_and_tsv(self):
        rows = self.rows(8000)
        for name, options in (("a.csv", {}), ("b.csv", {"quoting": csv.QUOTE_ALL}), ("c.tsv", {"delimiter": "\t"}),
                              ("d.csv", {"lineterminator": "\n"}), ("e.csv", {"encoding": "utf-8-sig"})):
            encoding = options.pop("encoding", "utf-8")
            with open(self.at(name), "w", encoding=encoding, newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), **options)
                writer.writeheader()
                writer.writerows(rows)
            self.check(name, rows)

    def test_json(self):
        rows = self.rows(4000)
        for row in rows[::7]:
            row["note"] = None
        for name, text in (("a.json", json.dumps(rows)), ("b.json", json.dumps(rows, indent=2, ensure_ascii=False)),
                           ("c.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),
                           ("d.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))):
            with open(self.at(name), "w", encoding="utf-8") as file:
                file.write(text)
            self.check(name, rows)


class Ids(Read):
    """Tests a vocabulary of 49,408 entries made of syllables: the ids must equal those of the plain algorithm."""
    SIZE = 49408

    def compose(self):
        """Writes vocab.json and merges.txt in the format of CLIP's tokenizers.  Returns letters and merges."""
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
        known = [*letters, *(c + "</w>" for c in letters)]
        have, merges = set(known), []
        syllables = [c + v + e for c in "bcdfghjklmnprstvwz" for v in "aeiou" for e in ("", "n", "r", "s")]
        while len(known) < self.SIZE - 2:
            word = "".join(self.rng.choice(syllables) for _ in range(self.rng.randint(1, 4)))
            parts = [*word[:-1], word[-1] + "</w>"]
            while len(parts) > 1 and len(known) < self.SIZE - 2:
                k = self.rng.randrange(len(parts) - 1)
                pair = parts[k] + parts[k + 1]
                if pair not in have:
                    have.add(pair)
                    known.append(pair)
                    merges.append((parts[k], parts[k + 1]))
                parts[k:k + 2] = [pair]
        known += ["<|startoftext|>", "<|endoftext|>"]
        with open(self.at("vocab.json"), "w", encoding="utf-8") as file:
            json.dump({entry: i for i, entry in enumerate(known)}, file)
        with open(self.at("merges.txt"), "w", encoding="utf-8") as file:
            file.write("#version: 0.2\n" + "".join("%s %s\n" % pair for pair in merges))
        return {entry: i for i, entry in enumerate(known)}, {pair: i for i, pair in enumerate(merges)}, syllables

    def encode(self, text, ids, ranks):
        """The algorithm of Sennrich, Haddow and Birch (2016): joins the pair with the lowest rank until no pair has
        a rank."""
        out = [ids["<|startoftext|>"]]
        for piece in re.findall(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+", text.lower()):
            parts = [*piece[:-1], piece[-1] + "</w>"]
            while len(parts) > 1:
                rank, k = min((ranks.get(pair, len(ranks)), k) for k, pair in enumerate(zip(parts, parts[1:])))
                if rank == len(ranks):
                    break
                parts[k:k + 2] = [parts[k] + parts[k + 1]]
            out += [ids[part] for part in parts]
        return out + [ids["<|endoftext|>"]]

    def test_full_size(self):
        ids, ranks, syllables = self.compose()
        self.assertEqual(len(ids), self.SIZE)
        texts = []
        for _ in range(3000):
            words = ["".join(self.rng.choice(syllables) for _ in range(self.rng.randint(1, 6))) for _ in range(self.rng.randint(1, 40))]
            words += self.rng.choices(["it's", "we'll", "2024", "f/1.8", "(best:1.2),", "--ar", "Titan", "x"], k=3)
            self.rng.shuffle(words)
            texts.append(" ".join(words))
        with open(self.at("texts"), "w", encoding="utf-8") as file:
            file.write("".join(text + "\n" for text in texts))
        run = subprocess.run([READ_FILES, "ids", self.folder, self.at("texts")], stdout=subprocess.PIPE, check=True, timeout=600)
        for text, line in zip(texts, run.stdout.decode().splitlines(), strict=False):
            self.assertEqual(line, " ".join(map(str, self.encode(text, ids, ranks))), text)
        self.assertEqual(run.stdout.count(b"\n"), len(texts))


if __name__ == "__main__":
    unittest.main()
