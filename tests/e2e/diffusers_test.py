# SPDX-License-Identifier: MIT
"""examples/diffusers_backend.py with tiny random pipelines, made by diffusers' own classes, without a network.
Usage: diffusers_test.py GOLDPAN.  Python with torch and diffusers: GOLDPAN_DIFFUSERS_PYTHON, else the one that runs this."""
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import generate_test

GOLDPAN = None
SOURCE = Path(os.environ.get("GOLDPAN_SOURCE", ".")).resolve()
BACKEND = SOURCE / "examples" / "diffusers_backend.py"
PYTHON = os.environ.get("GOLDPAN_DIFFUSERS_PYTHON", sys.executable)
MAKE = r'''
import json, os, sys
import torch
from diffusers import (AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
home = sys.argv[1]
torch.manual_seed(0)
letters = [chr(c) for c in range(33, 127)]
words = letters + [c + "</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
os.makedirs(home + "/tok", exist_ok=True)
json.dump({w: i for i, w in enumerate(words)}, open(home + "/tok/vocab.json", "w"))
open(home + "/tok/merges.txt", "w").write("#version: 0.2\n")
tok = CLIPTokenizer(home + "/tok/vocab.json", home + "/tok/merges.txt", model_max_length=77)
def text(kind):
    return kind(CLIPTextConfig(vocab_size=len(words), hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
                projection_dim=32, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1, hidden_act="gelu"))
def unet(cross, time):
    more = dict(addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=time) if time else {}
    return UNet2DConditionModel(block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), use_linear_projection=True, cross_attention_dim=cross, norm_num_groups=32, **more)
vae = AutoencoderKL(block_out_channels=[32, 64], in_channels=3, out_channels=3, latent_channels=4, sample_size=128,
    down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2)
steps = lambda: EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1)
one, two = text(CLIPTextModel), text(CLIPTextModelWithProjection)
StableDiffusionXLPipeline(vae=vae, text_encoder=one, text_encoder_2=two, tokenizer=tok, tokenizer_2=tok, unet=unet(64, 80),
                          scheduler=steps()).save_pretrained(home + "/base")
StableDiffusionXLImg2ImgPipeline(vae=vae, text_encoder=None, text_encoder_2=two, tokenizer=None, tokenizer_2=tok, unet=unet(32, 72),
                                 scheduler=steps(), requires_aesthetics_score=True).save_pretrained(home + "/refiner")
StableDiffusionPipeline(vae=vae, text_encoder=one, tokenizer=tok, unet=unet(32, 0), scheduler=steps(), safety_checker=None,
                        feature_extractor=None, requires_safety_checker=False).save_pretrained(home + "/sd")
'''


class DiffusersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Path(tempfile.mkdtemp(prefix="goldpan-diffusers-"))
        cls.env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(cls.home / "hf")}
        subprocess.run([PYTHON, "-c", MAKE, cls.home], check=True, capture_output=True, env=cls.env)
        (cls.home / "prompts.txt").write_text("a red fox\ntwo blue cars\n")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    def generate(self, name, backend, *more, code=0):
        words = "%s %s %s --requests {requests}" % (shlex.quote(PYTHON), shlex.quote(str(BACKEND)), backend)
        run = subprocess.run([GOLDPAN, "generate", self.home / "prompts.txt", "-n", "2", "-b", words, "-o", self.home / name, "-W", "64", "-H",
                              "64", "--steps", "5", "--json", *more], capture_output=True, text=True, env=self.env)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def rows(self, name, sql):
        return generate_test.rows(self.home / name, sql)

    def pixels(self, name):
        """Returns {(prompt, seed): the bytes of the file}."""
        return {(prompt, seed): Path(path).read_bytes() for prompt, seed, path in self.rows(name, "SELECT prompt, seed, path FROM v_generations")}

    def test_base_and_refiner(self):
        pair = "--base %s --refiner %s" % (self.home / "base", self.home / "refiner")
        self.assertEqual(self.generate("pair", pair)["got"], 4)
        self.assertEqual(self.generate("again", pair)["got"], 4)
        pictures = self.pixels("pair")
        self.assertEqual(pictures, self.pixels("again"), "the same seed draws the same")
        self.assertEqual(len(set(pictures.values())), 4)
        settings = json.loads(self.rows("pair", "SELECT settings FROM v_images ORDER BY path LIMIT 1")[0][0])
        self.assertEqual((settings["steps"], settings["refiner"], settings["refiner_switch_at"], settings["width"]),
                         (5, str(self.home / "refiner"), 0.8, 64))
        self.generate("alone", "--base %s" % (self.home / "base"))
        self.assertEqual(set(pictures.values()) & set(self.pixels("alone").values()), set(), "the refiner draws too")
        shutil.copytree(self.home / "pair", self.home / "bare", ignore=shutil.ignore_patterns(".goldpan"))
        subprocess.run([GOLDPAN, "add", self.home / "bare"], check=True, capture_output=True)
        self.assertEqual(self.rows("bare", "SELECT DISTINCT prompt, json_extract(settings, '$.refiner_switch_at') FROM v_images ORDER BY 1"),
                         [("a red fox", 0.8), ("two blue cars", 0.8)])

    def test_any_pipeline_and_what_it_is_asked(self):
        said = self.generate("sd", "--base none", "--checkpoint", self.home / "sd", "--sampler", "DPM++ 2M", "--scheduler", "Karras", "--cfg", "3",
                             "--negative", "blurry")
        self.assertEqual(said["got"], 4)
        settings = json.loads(self.rows("sd", "SELECT settings FROM v_images LIMIT 1")[0][0])
        self.assertEqual((settings["sampler"], settings["scheduler"], settings["cfg_scale"], settings["model"]),
                         ("DPM++ 2M", "Karras", 3, str(self.home / "sd")))
        self.generate("plain", "--base %s" % (self.home / "sd"))
        self.assertEqual(set(self.pixels("sd").values()) & set(self.pixels("plain").values()), set())

    def test_what_cannot_be_done_is_said(self):
        sd = "--base %s" % (self.home / "sd")
        for name, backend, more, words in (
                ("absent", "--base %s" % (self.home / "nothing"), (), "cannot load the model"), ("sampler", sd, ("--sampler", "Best"), "no sampler 'Best'"),
                ("no-refiner", sd, ("--refiner-at", "0.5"), "drawn without a refiner"), ("size", sd, ("-W", "65"), "divisible by 8"),
                ("no-part", sd, ("--refiner", self.home / "refiner"), "has no 'denoising_end'")):
            with self.subTest(name):
                said = self.generate(name, backend, *more, code=3)
                self.assertEqual(said["got"], 0)
                self.assertIn(words, self.rows(name, "SELECT message FROM v_generations LIMIT 1")[0][0])

    def test_one_image_without_goldpan(self):
        out = self.home / "one.png"
        run = subprocess.run([PYTHON, BACKEND, "--base", self.home / "sd", "--steps", "2", "--prompt", "a fox", "--seed", "7", "--out", out],
                             capture_output=True, text=True, env=self.env)
        self.assertEqual(json.loads(run.stdout)["settings"]["seed"], 7, run.stderr)
        self.assertEqual(out.read_bytes()[:4], b"\x89PNG")


if __name__ == "__main__":
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    if subprocess.run([PYTHON, "-c", "import diffusers, torch, transformers"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print("skipped: no Python with torch and diffusers here")
        sys.exit(77)
    unittest.main(verbosity=1)
