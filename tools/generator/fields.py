# SPDX-License-Identifier: MIT
"""The fields that each protocol's requests may have, as documented, and the check of a request against them.

A type is str, int, num, bool, list or dict, a dict of such types (for a nested object), or (type, lowest, highest). `?`
after a type's name: null is allowed too. Real servers ignore unknown fields; here an unknown field is an error, so that
mistakes of a client are found.
"""
from .pictures import MOST_SIDE

KINDS = {"str": str, "int": int, "num": (int, float), "bool": bool, "list": list, "dict": dict}
SIDE = ("int", 16, MOST_SIDE)

TXT2IMG = {name: kind + "?" for kind, names in {
    "str": "prompt negative_prompt sampler_name scheduler sampler_index refiner_checkpoint hr_upscaler hr_checkpoint_name "
           "hr_sampler_name hr_scheduler hr_prompt hr_negative_prompt script_name force_task_id infotext",
    "int": "seed subseed seed_resize_from_h seed_resize_from_w clip_skip firstphase_width firstphase_height "
           "hr_second_pass_steps hr_steps hr_resize_x hr_resize_y",
    "num": "subseed_strength cfg_scale eta denoising_strength s_min_uncond s_churn s_tmax s_tmin s_noise refiner_switch_at "
           "hr_scale distilled_cfg_scale",
    "bool": "restore_faces tiling do_not_save_samples do_not_save_grid override_settings_restore_afterwards "
            "disable_extra_networks enable_hr send_images save_images",
    "list": "styles script_args lora extra_images",
    "dict": "override_settings alwayson_scripts comments"}.items() for name in names.split()}
TXT2IMG.update(width=SIDE, height=SIDE, steps=("int", 1, 150), batch_size=("int", 1, 64), n_iter=("int", 1, 100))
OVERRIDES = {"sd_model_checkpoint": "str?", "sd_vae": "str?", "CLIP_stop_at_last_layers": "int", "samples_format": "str",
             "eta_noise_seed_delta": "int", "randn_source": "str", "forge_additional_modules": "list"}

OPENAI = {"model": "str?", "prompt": "str", "n": ("int", 1, 10), "size": "str?", "quality": "str?", "background": "str?",
          "output_format": "str?", "output_compression": ("int", 0, 100), "moderation": "str?", "stream": "bool?",
          "partial_images": "int?", "user": "str?", "response_format": "str?", "style": "str?"}
OPENAI_WORDS = {"quality": "auto low medium high standard hd", "background": "auto opaque transparent",
                "output_format": "png jpeg webp", "moderation": "auto low", "response_format": "b64_json url",
                "style": "vivid natural"}

GUIDANCE = {"txt_cfg": "num", "img_cfg": "num?", "distilled_guidance": "num",
            "slg": {"layers": "list", "layer_start": "num", "layer_end": "num", "scale": "num"}}
IMG_GEN = {
    "prompt": "str", "negative_prompt": "str", "clip_skip": "int", "width": SIDE, "height": SIDE, "strength": "num",
    "seed": "int", "batch_count": ("int", 1, 64), "auto_resize_ref_image": "bool", "increase_ref_index": "bool",
    "control_strength": "num", "ip_adapter_strength": "num", "embed_image_metadata": "bool", "init_image": "str?",
    "ref_images": "list?", "mask_image": "str?", "control_image": "str?", "ip_adapter_image": "str?",
    "sample_params": {"scheduler": "str", "sample_method": "str", "sample_steps": ("int", 1, 1000), "eta": "num?",
                      "shifted_timestep": "int", "custom_sigmas": "list", "flow_shift": "num?", "guidance": GUIDANCE},
    "lora": "list",
    "hires": {"enabled": "bool", "upscaler": "str", "scale": "num", "target_width": "int", "target_height": "int",
              "steps": "int", "denoising_strength": "num", "custom_sigmas": "list", "upscale_tile_size": "int"},
    "vae_tiling_params": {"enabled": "bool", "temporal_tiling": "bool", "tile_size_x": "int", "tile_size_y": "int",
                          "target_overlap": "num", "rel_size_x": "num", "rel_size_y": "num", "extra_tiling_args": "str"},
    "cache_mode": "str", "cache_option": "str", "scm_mask": "str", "scm_policy_dynamic": "bool", "output_format": "str",
    "output_compression": ("int", 0, 100)}

SWARM = {"session_id": "str", "images": ("int", 1, 100), "prompt": "str", "negativeprompt": "str", "model": "str?",
         "width": SIDE, "height": SIDE, "seed": "int", "steps": ("int", 1, 500), "cfgscale": "num", "sampler": "str",
         "scheduler": "str", "donotsave": "bool", "variationseed": "int", "variationseedstrength": "num", "vae": "str",
         "loras": "str", "loraweights": "str", "refinermodel": "str", "refinercontrolpercentage": "num",
         "refinerupscale": "num", "refinermethod": "str", "batchsize": ("int", 1, 16), "nopreviews": "bool",
         "aspectratio": "str", "presets": "list", "extra_data": "dict", "personalnote": "str"}

COMFY = {"prompt": "dict", "client_id": "str", "prompt_id": "str", "extra_data": "dict", "number": "num", "front": "bool",
         "partial_execution_targets": "list?"}


class Wrong(Exception):
    """The exception for a field that the protocol does not know or that has a wrong type: the field's name and the
    fault."""

    def __init__(self, name, what):
        super().__init__("%s: %s" % (name, what))
        self.name, self.what = name, what


def check(body, fields, inside=""):
    if not isinstance(body, dict):
        raise Wrong(inside.rstrip(".") or "body", "is no object")
    for key, value in body.items():
        name, kind, low, high = inside + key, fields.get(key), None, None
        if kind is None:
            raise Wrong(name, "is not a field of this request")
        if isinstance(kind, dict):
            check(value, kind, name + ".")
            continue
        if isinstance(kind, tuple):
            kind, low, high = kind
        if kind.endswith("?"):
            kind = kind[:-1]
            if value is None:
                continue
        if not isinstance(value, KINDS[kind]) or isinstance(value, bool) and kind != "bool":
            raise Wrong(name, "is %s, not %s" % (type(value).__name__, kind))
        if low is not None and not low <= value <= high:
            raise Wrong(name, "is %s, not from %s to %s" % (value, low, high))


def need(body, *names):
    for name in names:
        if body.get(name) is None:
            raise Wrong(name, "is missing")
