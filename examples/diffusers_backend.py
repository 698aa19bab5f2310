#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates images for `goldpan generate` with Hugging Face diffusers, without a server.

    pip install torch diffusers transformers accelerate
    goldpan generate prompts.txt -n 4 -W 1024 -H 1024 -b 'python3 examples/diffusers_backend.py --requests {requests}'

Without --base it uses SDXL base, then SDXL refiner, in the usual two stages: the base computes the first 80 % of the
steps and passes its latents on, and the refiner computes the other steps.  --base NAME selects any text-to-image
pipeline, by its name on the hub or its folder.  It then uses a refiner only if --refiner names one.  goldpan's
--checkpoint, --refiner and --refiner-at take precedence.

With --requests - the models are loaded once.  Each line of standard input is a request as a JSON object, and standard
output has one answer for each (docs/generate.md, "A program that is started once").  Without --requests it generates one
image:

    python3 examples/diffusers_backend.py --prompt "a red fox" --seed 7 --out fox.png
"""
import argparse
import contextlib
import gc
import inspect
import json
import os
import sys

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
SDXL_REFINER = "stabilityai/stable-diffusion-xl-refiner-1.0"
# AUTOMATIC1111's names of samplers.  The name of any scheduler class of diffusers is accepted too.
SAMPLERS = {
    "euler": ("EulerDiscreteScheduler", {}), "euler a": ("EulerAncestralDiscreteScheduler", {}), "heun": ("HeunDiscreteScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}), "ddim": ("DDIMScheduler", {}), "ddpm": ("DDPMScheduler", {}), "pndm": ("PNDMScheduler", {}),
    "lcm": ("LCMScheduler", {}), "unipc": ("UniPCMultistepScheduler", {}), "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2 a": ("KDPM2AncestralDiscreteScheduler", {}), "dpm++ 2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++ 2m sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}), "dpm++ sde": ("DPMSolverSinglestepScheduler", {})}
SCHEDULES = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}


class Cannot(Exception):
    """An error that another try does not solve.  Its message says what to do."""


class Refused(Exception):
    """The model's safety checker blocked the image."""


def libraries():
    try:
        import diffusers
        import torch
    except ImportError as error:
        raise Cannot("%s: install it with 'pip install torch diffusers transformers accelerate'" % error) from None
    return torch, diffusers


class Drawer:
    """The loaded pipelines, and how to generate an image with them."""

    def __init__(self, args):
        self.args, self.loaded = args, None
        self.base = self.refiner = self.schedulers = None

    def load(self, base, refiner):
        torch, diffusers = libraries()
        if self.loaded == (base, refiner):
            return
        self.base = self.refiner = self.loaded = None
        gc.collect()  # two large models may not fit into memory
        device = self.args.device or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
        dtype = getattr(torch, self.args.dtype or ("float32" if device == "cpu" else "float16"), None)
        if not isinstance(dtype, torch.dtype):
            raise Cannot("--dtype %s is no type of torch; float16, bfloat16 and float32 are usual" % self.args.dtype)
        self.base = self.open(diffusers.DiffusionPipeline, base, device, dtype)
        if refiner:
            # The refiner uses the base model's second text encoder and VAE, which halves the memory.
            shared = {name: getattr(self.base, name) for name in ("text_encoder_2", "vae") if getattr(self.base, name, None) is not None}
            self.refiner = self.open(diffusers.DiffusionPipeline, refiner, device, dtype, **shared)
        self.schedulers = [p.scheduler for p in (self.base, self.refiner) if p]
        self.loaded = base, refiner

    def open(self, kind, name, device, dtype, **shared):
        variant = {"variant": self.args.variant} if self.args.variant else {}
        try:
            pipe = kind.from_pretrained(name, torch_dtype=dtype, **variant, **shared)
        except (OSError, ValueError) as error:
            raise Cannot("cannot load the model '%s': %s" % (name, first_line(error))) from None
        pipe.set_progress_bar_config(disable=True)
        if self.args.offload:
            pipe.enable_model_cpu_offload()
            return pipe
        return pipe.to(device)

    def set_sampler(self, sampler, scheduler):
        _, diffusers = libraries()
        for pipe, original in zip((self.base, self.refiner), self.schedulers):
            name, options = SAMPLERS.get((sampler or "").lower(), (sampler, {}))
            kind = getattr(diffusers, name, None) if name else type(original)
            if not hasattr(kind, "from_config"):
                raise Cannot("no sampler '%s': give one of %s, or a scheduler class of diffusers" % (sampler, ", ".join(SAMPLERS)))
            if scheduler and scheduler.lower() not in ("automatic", "normal"):
                if scheduler.lower() not in SCHEDULES:
                    raise Cannot("no scheduler '%s': give one of %s" % (scheduler, ", ".join(SCHEDULES)))
                options = {**options, SCHEDULES[scheduler.lower()]: True}
                if SCHEDULES[scheduler.lower()] not in inspect.signature(kind.__init__).parameters:
                    raise Cannot("%s has no schedule '%s'" % (kind.__name__, scheduler))
            pipe.scheduler = original if not name and not options else kind.from_config(original.config, **options)

    def call(self, pipe, wanted, **more):
        """Calls a pipeline with the requested values.  A value that the pipeline does not accept is an error."""
        has = inspect.signature(pipe.__call__).parameters
        for name, value in wanted.items():
            if value is not None and name not in has:
                raise Cannot("%s has no '%s': leave it out" % (type(pipe).__name__, name))
        return pipe(**{k: v for k, v in wanted.items() if v is not None}, **{k: v for k, v in more.items() if v is not None})

    def draw(self, request, tell):
        """Generates one image and saves it as request["out"].  Returns the settings that it used."""
        torch, _ = libraries()
        args = self.args
        base = request.get("model") or args.base or SDXL
        refiner = request.get("refiner") or args.refiner or (SDXL_REFINER if base == SDXL else None)
        refiner = None if refiner == "none" else refiner
        if request.get("refiner_at") is not None and not refiner:
            raise Cannot("refiner_at is asked for, but '%s' is drawn without a refiner: name one with --refiner" % base)
        at = first(request.get("refiner_at"), args.refiner_at)
        steps, seed = first(request.get("steps"), args.steps), request.get("seed")
        self.load(base, refiner)
        self.set_sampler(request.get("sampler") or args.sampler, request.get("scheduler"))
        seed = torch.seed() % 2 ** 63 if seed is None else seed
        generator = torch.Generator("cpu").manual_seed(seed)  # gives the same noise on every device
        words = {"prompt": request["prompt"], "negative_prompt": request.get("negative") or None, "num_inference_steps": steps,
                 "guidance_scale": first(request.get("cfg"), args.cfg)}
        size = {"width": request.get("width"), "height": request.get("height")}
        if refiner:
            first_part = self.call(self.base, {**words, **size, "denoising_end": at}, generator=generator, output_type="latent",
                                   **self.progress(self.base, steps, tell))
            result = self.call(self.refiner, {**words, "denoising_start": at}, image=first_part.images, generator=generator)
        else:
            result = self.call(self.base, {**words, **size}, generator=generator, **self.progress(self.base, steps, tell))
        if any(getattr(result, "nsfw_content_detected", None) or []):
            raise Refused("the model's safety checker held the image back")
        image = result.images[0]
        image.save(request["out"], format="PNG")
        used = {"seed": seed, "steps": steps, "sampler": request.get("sampler") or args.sampler or type(self.base.scheduler).__name__,
                "scheduler": request.get("scheduler"), "cfg_scale": words["guidance_scale"], "model": base, "refiner": refiner,
                "refiner_switch_at": at if refiner else None, "width": image.width, "height": image.height}
        return {k: v for k, v in used.items() if v is not None}

    @staticmethod
    def progress(pipe, steps, tell):
        if "callback_on_step_end" not in inspect.signature(pipe.__call__).parameters:
            return {}

        def step(_pipe, index, _time, values):
            tell({"part": round(min((index + 1) / steps, 1), 3)})
            return values
        return {"callback_on_step_end": step}


def first(*values):
    return next((v for v in values if v is not None), None)


def first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def answer(drawer, request, tell):
    """The answer to one request, as a JSON object."""
    try:
        return {"settings": drawer.draw(request, tell)}
    except Cannot as error:
        return {"error": str(error), "again": False}
    except Refused as error:
        return {"error": str(error), "refused": True}
    except (TypeError, ValueError) as error:  # a pipeline raises these for a wrong size or value
        return {"error": first_line(error), "again": False}
    except Exception as error:  # may be temporary, such as a lack of memory or a broken download
        return {"error": "%s: %s" % (type(error).__name__, first_line(error))}


def serve(drawer):
    # Libraries print to standard output, so standard output is redirected to standard error.
    # Answers go to the original standard output.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    for line in sys.stdin:
        tell(answer(drawer, json.loads(line), tell))


def number(kind, least, most):
    def check(text):
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError("%s is not from %s to %s" % (text, least, most))
        return value
    return check


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", choices=["-"], help="read requests from standard input, and stay")
    parser.add_argument("--base", help="pipeline: a name on the hub or a folder (default: SDXL base, with its refiner)")
    parser.add_argument("--refiner", help="second stage: a name on the hub or a folder; none: without")
    parser.add_argument("--refiner-at", type=number(float, 0.01, 0.99), default=0.8, help="share of the steps before the refiner (0.8)")
    parser.add_argument("--steps", type=number(int, 1, 10000), default=40, help="where goldpan asks for none (40)")
    parser.add_argument("--cfg", type=float, help="guidance scale where goldpan asks for none (the pipeline's own)")
    parser.add_argument("--sampler", help="sampler where goldpan asks for none (the pipeline's own)")
    parser.add_argument("--device", help="cuda, cuda:1, mps, cpu ... (default: the best there is)")
    parser.add_argument("--dtype", help="float16, bfloat16, float32 (default: float16, on a CPU float32)")
    parser.add_argument("--variant", help="variant of the weights, as fp16")
    parser.add_argument("--offload", action="store_true", help="keep on the GPU only the part that is at work: slower, needs less memory")
    parser.add_argument("--prompt")
    parser.add_argument("--negative")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    parser.add_argument("--out", help="the image, a PNG")
    args = parser.parse_args()
    drawer = Drawer(args)
    if args.requests:
        with contextlib.suppress(KeyboardInterrupt):
            serve(drawer)
        return 0
    if not args.prompt or not args.out:
        parser.error("give --requests -, or --prompt and --out")
    told = answer(drawer, {k: getattr(args, k) for k in ("prompt", "negative", "seed", "width", "height", "out")}, lambda part: None)
    print(json.dumps(told), file=sys.stderr if "error" in told else sys.stdout)
    return 1 if "error" in told else 0


if __name__ == "__main__":
    sys.exit(main())
