#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An image generator for tests: draws images of the drawn world (tools/drawn_world), and supports the protocols of
image generators.

    python3 tools/generator.py draw --prompt P --seed S --width W --height H --out FILE   one picture as a PNG
    python3 tools/generator.py truth --prompt P --seed S        the flaw of that image, without drawing it
    python3 tools/generator.py serve [--port 0] [...]           AUTOMATIC1111, OpenAI, ComfyUI, stable-diffusion.cpp, SwarmUI
    python3 tools/generator.py selftest                         tests every protocol and every fault; exit code 1 if one
                                                                fails

The same prompt, seed and size give the same pixels through every protocol (for one version of cairo, numpy and Pillow).
Of a prompt's images 10 to 80 % are faithful, and the others have one flaw; the seed decides which.  `serve` prints its
address and nothing else; --log FILE gets one JSON line per request; its member `drawn` lists the images made for the
request, with their flaws.  Needs numpy, Pillow and pycairo: python3-numpy, python3-pil, python3-cairo in Debian.
"""
import argparse
import json
import os
import sys

DEBIAN = "/usr/bin/python3"
try:
    import cairo  # noqa: F401
    import numpy  # noqa: F401
    import PIL  # noqa: F401
except ImportError as error:
    # The first python3 in PATH may differ from the Python that Debian's packages are built for.
    if os.path.exists(DEBIAN) and os.path.realpath(DEBIAN) != os.path.realpath(sys.executable):
        os.execv(DEBIAN, [DEBIAN, os.path.abspath(__file__), *sys.argv[1:]])
    sys.exit("generator: %s; please install python3-numpy, python3-pil and python3-cairo" % error)

from generator import pictures, selftest, server  # noqa: E402

KINDS = server.REFUSALS + server.SPOILED


def fault(text):
    kind, _, every = text.partition(":")
    if kind not in KINDS or not every.isdigit() or int(every) < 1:
        raise argparse.ArgumentTypeError("'%s' is not KIND:EVERY with KIND one of %s" % (text, " ".join(KINDS)))
    return kind, int(every)


def busy(text):
    path, _, n = text.rpartition(":")
    if not path.startswith("/") or not n.isdigit():
        raise argparse.ArgumentTypeError("'%s' is not PATH:N" % text)
    return path, int(n)


def side(text):
    if not text.isdigit() or not 16 <= int(text) <= pictures.MOST_SIDE:
        raise argparse.ArgumentTypeError("'%s' is not a whole number from 16 to %d" % (text, pictures.MOST_SIDE))
    return int(text)


def truth(args):
    seed = pictures.any_seed(args.seed)
    plan = pictures.plan(args.prompt, seed)
    return {"prompt": args.prompt, "seed": seed, "flaw": plan.flaw, "share": round(plan.share, 4), "known": pictures.parse(args.prompt)[1]}


def draw(args):
    told = truth(args)
    text = pictures.infotext(args.prompt, args.negative, [
        ("Steps", args.steps), ("Sampler", args.sampler), ("CFG scale", args.cfg), ("Seed", told["seed"]),
        ("Size", "%dx%d" % (args.width, args.height)), ("Model hash", pictures.MODEL_HASH), ("Model", pictures.MODEL),
        ("Version", "v1.10.1")])
    im = pictures.picture(args.prompt, told["seed"], args.width, args.height)
    with open(args.out, "wb") as file:
        file.write(pictures.encode(im, [("parameters", text)]))
    print(json.dumps(told))


def serve(args):
    running = server.Server(server.Options(args.latency, args.log, tuple(args.fault), args.grid, args.data_prefix, args.auth,
                                           args.key, args.retry_after, args.job_ttl, args.most_jobs, args.no_api,
                                           tuple(args.busy), tuple(args.trickle), args.output, args.disable_metadata, args.one_seed,
                                           args.empty_info, args.socket), args.port)
    print("http://127.0.0.1:%d" % running.world.port, flush=True)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("draw", "truth"):
        p = verbs.add_parser(name)
        p.add_argument("--prompt", required=True)
        p.add_argument("--seed", type=int, default=-1, help="negative or none: one drawn by lot, and printed")
        if name == "draw":
            p.add_argument("--width", type=side, default=512)
            p.add_argument("--height", type=side, default=512)
            p.add_argument("--out", required=True)
            p.add_argument("--negative", default="", help="is written into the file; the picture stays the same")
            p.add_argument("--steps", type=int, default=20)
            p.add_argument("--cfg", type=float, default=7.0)
            p.add_argument("--sampler", default="Euler a")
    p = verbs.add_parser("serve")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="time that a picture takes")
    p.add_argument("--log", default="", metavar="FILE.jsonl")
    p.add_argument("--fault", type=fault, action="append", default=[], metavar="KIND:EVERY",
                   help="every EVERY-th image request; KIND: " + " ".join(KINDS))
    p.add_argument("--grid", action="store_true", help="txt2img always puts a grid first")
    p.add_argument("--data-prefix", action="store_true", help="txt2img sends data:image/png;base64,...")
    p.add_argument("--auth", default="", metavar="USER:PASSWORD", help="wanted by all but the OpenAI paths")
    p.add_argument("--key", default="", help="bearer key wanted by the OpenAI paths")
    p.add_argument("--retry-after", default="1", help="the Retry-After of 429 and 503: seconds, a date, any text (default 1)")
    p.add_argument("--no-api", action="store_true", help="serve only the page of a web interface, like AUTOMATIC1111 without --api")
    p.add_argument("--busy", type=busy, action="append", default=[], metavar="PATH:N",
                   help="answer the N-th request whose path begins so with 429 and Retry-After")
    p.add_argument("--trickle", action="append", default=[], metavar="PATH",
                   help="send answers of paths that begin so in single bytes")
    p.add_argument("--output", default="", metavar="DIR", help="ComfyUI's output folder; without it one that ends with the server")
    p.add_argument("--disable-metadata", action="store_true", help="ComfyUI's pictures hold no graph")
    p.add_argument("--one-seed", type=int, default=-1, metavar="SEED", help="of all OpenAI pictures, as stable-diffusion.cpp's server has 42")
    p.add_argument("--empty-info", action="store_true", help="txt2img answers with an empty info, like stable-diffusion.cpp's server")
    p.add_argument("--socket", default="", choices=server.SOCKETS, help="how ComfyUI's WebSocket behaves badly")
    p.add_argument("--job-ttl", type=float, default=600.0, metavar="SECONDS", help="after which a finished sdcpp job is gone")
    p.add_argument("--most-jobs", type=int, default=64, help="sdcpp jobs that may wait before 429")
    verbs.add_parser("selftest")
    args = parser.parse_args()
    if args.verb == "selftest":
        sys.exit(selftest.main())
    if args.verb == "truth":
        print(json.dumps(truth(args)))
    else:
        {"draw": draw, "serve": serve}[args.verb](args)


if __name__ == "__main__":
    main()
