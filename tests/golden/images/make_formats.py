# SPDX-License-Identifier: MIT
"""Small files of the formats BMP, GIF, TIFF, AVIF and JPEG XL in formats/, and their pixels as Pillow's convert("RGB")
gives them in formats.tsv, for tests/unit/image/test_formats.c.

    python make_formats.py             (needs Pillow 11.3 or newer, tifffile, imagecodecs, pillow-jxl-plugin)

One line per file: name, width, height, orientation, animated (0 or 1), largest difference from Pillow that is allowed
(0 except for lossy JPEG XL, see docs/formats.md), CRC-32 of Pillow's pixels, and for a difference above 0
the sums of Pillow's red, green and blue values.
"""
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin
import imagecodecs
import pillow_jxl  # registers JPEG XL

OUT = Path(__file__).parent / "formats"
rng = np.random.default_rng(11)
random.seed(11)
HIGH, WIDE = 21, 34
YS, XS = np.mgrid[0:HIGH, 0:WIDE]


def samples(count, kind=np.uint8, most=255):
    planes = [np.clip((XS * (k + 1) * 3 + YS * 4) * most / 300 + rng.integers(0, max(most // 16, 1), (HIGH, WIDE)), 0, most)
              for k in range(count)]
    array = np.stack(planes, -1).astype(kind)
    return array[..., 0] if count == 1 else array


BASE = Image.fromarray(samples(3))


def bmp(bits, wide, high, *, kind=0, colours=0, palette=b"", data=None, header=40, masks=b"", top=False):
    if data is None:
        data = rng.integers(0, 256, (wide * bits + 31) // 32 * 4 * high, dtype=np.uint8).tobytes()
    if header == 12:
        head = struct.pack("<IHHHH", 12, wide, high, 1, bits)
    else:
        head = struct.pack("<IIiHHIIiiII", header, wide, -high if top else high, 1, bits, kind, len(data), 0, 0, colours, 0)
        head += (masks if header > 40 else b"").ljust(header - 40, b"\0") + (masks if header == 40 else b"")
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def colours(count, size=4):
    return b"".join(rng.integers(0, 256, 3, dtype=np.uint8).tobytes() + bytes(size - 3) for _ in range(count))


def make_bmp():
    for bits in (1, 4, 8):
        yield f"{bits}bit.bmp", bmp(bits, 13, 5, palette=colours(1 << bits))
    yield "os2.bmp", bmp(4, 13, 5, palette=colours(16, 3), header=12)
    yield "few-colours.bmp", bmp(8, 9, 5, palette=colours(7), colours=7)
    yield "top-down.bmp", bmp(24, 7, 5, top=True)
    yield "v5.bmp", bmp(32, 7, 5, header=124)
    yield "555.bmp", bmp(16, 7, 5)
    yield "565.bmp", bmp(16, 7, 5, kind=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "alpha.bmp", bmp(32, 7, 5, kind=3, header=56, masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    yield "xbgr.bmp", bmp(32, 7, 5, kind=3, header=56, masks=struct.pack("<IIII", 0xFF000000, 0xFF0000, 0xFF00, 0))
    runs = b"\5\7\0\2\3\1\2\x09\0\0\0\5abcde\0\5\4\0\0\x20\3\0\0\x0a\2\0\0\0\1"
    yield "rle8.bmp", bmp(8, 10, 5, kind=1, palette=colours(256), data=runs)
    yield "rle4.bmp", bmp(4, 10, 5, kind=2, palette=colours(16), data=b"\5\x47\0\5abc\0\0\0\x0a\x21\0\0" + b"\x0a\x35\0\0" * 3 + b"\0\1")


def lzw(values, bits):
    """Codes of bits + 1 bits only; a clear code comes before the codes would become longer."""
    clear, acc, have, out = 1 << bits, 0, 0, bytearray()
    codes = [clear]
    for i, v in enumerate(values):
        codes += [v] + ([clear] if i % (clear - 2) == clear - 3 else [])
    for c in codes + [clear + 1]:
        acc |= c << have
        have += bits + 1
        while have >= 8:
            out.append(acc & 255)
            acc, have = acc >> 8, have - 8
    out.append(acc & 255)
    parts = b"".join(bytes([len(out[i:i + 255])]) + out[i:i + 255] for i in range(0, len(out), 255))
    return bytes([bits]) + parts + b"\0"


def gif(canvas, place, *, palette=b"", own=b"", clear=None, extra=b"", interlaced=False):
    size = lambda p: 0x80 | (len(p) // 3).bit_length() - 2 if p else 0
    data = b"GIF89a" + struct.pack("<HHBBB", *canvas, size(palette), 0, 0) + palette + extra
    if clear is not None:
        data += b"!\xf9\4" + bytes([1, 0, 0, clear]) + b"\0"
    data += b"," + struct.pack("<HHHHB", *place, size(own) | (0x40 if interlaced else 0)) + own
    return data + lzw([random.randrange(16) for _ in range(place[2] * place[3])], 4) + b";"


def make_gif():
    for name, image, options in (("palette", BASE.quantize(50), {}), ("interlaced", BASE.quantize(50), {"interlace": 1}),
                                 ("gray", BASE.convert("L"), {}), ("1bit", BASE.convert("1"), {})):
        image.save(OUT / f"{name}.gif", **({"interlace": 0} | options))
        yield f"{name}.gif", None
    frames = [BASE.rotate(20 * i).quantize(30) for i in range(3)]
    frames[0].save(OUT / "animated.gif", save_all=True, append_images=frames[1:], duration=50)
    yield "animated.gif", None
    yield "part.gif", gif((20, 15), (3, 4, 9, 7), palette=colours(16, 3))
    yield "part-transparent.gif", gif((20, 15), (3, 4, 9, 7), palette=colours(16, 3), clear=5)
    yield "outside.gif", gif((20, 15), (13, 4, 11, 14), palette=colours(16, 3), own=colours(16, 3))
    yield "no-palette.gif", gif((20, 15), (0, 0, 20, 15))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    random.seed(3)
    yield "texts.gif", gif((5, 4), (0, 0, 5, 4), palette=bytes(range(48)), extra=b"!\xfe\5hello\6 world\0!\xff\x0bXMP DataXMP" + xmp +
                           b"\1" + bytes(range(255, -1, -1)) + b"\0")
    random.seed(3)
    yield "no-texts.gif", gif((5, 4), (0, 0, 5, 4), palette=bytes(range(48)))


def make_tiff():
    def save(name, array, **options):
        tifffile.imwrite(OUT / f"{name}.tif", array, metadata=None, **options)
        return f"{name}.tif", None

    for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK"):
        BASE.convert(mode).save(OUT / f"{mode}.tif", compression="tiff_lzw")
        yield f"{mode}.tif", None
    BASE.convert("1").save(OUT / "group4.tif", compression="group4")
    yield "group4.tif", None
    for turned in (3, 6):
        BASE.save(OUT / f"turned-{turned}.tif", tiffinfo={274: turned}, compression="tiff_adobe_deflate")
        yield f"turned-{turned}.tif", None
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[700] = "a fox", b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    tags.tagtype[700] = 1
    tags[0x8769] = {0x9286: b"ASCII\0\0\0a wolf"}
    BASE.save(OUT / "texts.tif", tiffinfo=tags)
    yield "texts.tif", None
    BASE.save(OUT / "no-texts.tif")
    yield "no-texts.tif", None
    BASE.save(OUT / "bigtiff.tif", big_tiff=True, compression="packbits")
    yield "bigtiff.tif", None
    rgb = dict(photometric="rgb")
    yield save("tiles", samples(3), tile=(16, 16), compression="zlib", predictor=True, **rgb)
    yield save("big-endian", samples(3, np.uint16, 65535), byteorder=">", rowsperstrip=8, compression="lzw", **rgb)
    yield save("planes", np.ascontiguousarray(np.moveaxis(samples(3), -1, 0)), planarconfig="separate", compression="zstd", **rgb)
    yield save("premultiplied", samples(4), extrasamples=["assocalpha"], compression="zlib", **rgb)
    yield save("gray16", samples(1, np.uint16, 700), photometric="minisblack")
    yield save("white-is-0", samples(1), photometric="miniswhite", compression="packbits")
    yield save("int16", (samples(1, np.int16, 700) - 200).astype(np.int16), photometric="minisblack")
    yield save("float", (samples(1, np.float32, 700) - 200.7).astype(np.float32), photometric="minisblack")
    yield save("cmyk16", samples(4, np.uint16, 65535), photometric="separated")
    yield save("jpeg", samples(3), photometric="ycbcr", compression="jpeg", compressionargs={"level": 80}, subsampling=(2, 2))
    yield save("jpeg-tiles", samples(3), photometric="rgb", compression="jpeg", tile=(16, 16))


INFO = "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 34x21"


def a1111_exif():
    """The prompt as A1111 writes it: UserComment in UTF-16."""
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"UNICODE\0" + INFO.encode("utf-16-be")}
    return exif


def make_a1111():
    small = BASE.crop((0, 0, 8, 8))
    small.quantize(16).save(OUT / "a1111.gif", comment=INFO)
    yield "a1111.gif", None
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x8769] = a1111_exif()[0x8769]
    small.save(OUT / "a1111.tif", tiffinfo=tags)
    yield "a1111.tif", None
    small.save(OUT / "a1111.avif", exif=a1111_exif(), quality=80, speed=8)
    yield "a1111.avif", None
    small.save(OUT / "a1111.jxl", exif=a1111_exif().tobytes(), lossless=True, use_container=True)
    yield "a1111.jxl", None


def make_avif():
    clear = BASE.copy()
    clear.putalpha(Image.fromarray(samples(1)))
    xmp, exif = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', Image.Exif()
    exif[270] = "a fox"
    turned = Image.Exif()
    turned[274] = 6
    for name, image, options in (
            ("420", BASE, {"subsampling": "4:2:0"}), ("422", BASE, {"subsampling": "4:2:2"}), ("444", BASE, {"subsampling": "4:4:4"}),
            ("400", BASE.convert("L"), {"subsampling": "4:0:0"}), ("limited", BASE, {"range": "limited"}),
            ("alpha", clear, {}), ("premultiplied", clear, {"alpha_premultiplied": True}), ("turned", BASE, {"exif": turned}),
            ("animated", BASE, {"save_all": True, "append_images": [BASE.rotate(90)]}),
            ("no-texts", BASE, {}), ("texts", BASE, {"exif": exif, "xmp": xmp})):
        image.save(OUT / f"{name}.avif", **({"quality": 80, "speed": 8} | options))
        yield f"{name}.avif", None
    for bits, form, count in ((10, "420", 3), (10, "444", 4), (12, "422", 3), (12, "444", 4)):
        deep = samples(count, np.uint16, (1 << bits) - 1)
        yield f"{bits}bit-{form}-{count}.avif", imagecodecs.avif_encode(deep, bitspersample=bits, pixelformat=form, speed=8, level=80)


def make_jxl(lossy):
    xmp, exif = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', Image.Exif()
    exif[270] = "a fox"
    clear = BASE.copy()
    clear.putalpha(Image.fromarray(samples(1)))
    if lossy:
        for name, image in (("lossy", BASE), ("lossy-gray", BASE.convert("L")), ("lossy-alpha", clear)):
            image.save(OUT / f"{name}.jxl", quality=80)
            yield f"{name}.jxl", None
        yield "rgb16.jxl", imagecodecs.jpegxl_encode(samples(3, np.uint16, 65535), lossless=True)
        return
    for name, image, options in (
            ("rgb", BASE, {}), ("alpha", clear, {}), ("gray", BASE.convert("L"), {}), ("gray-alpha", BASE.convert("LA"), {}),
            ("no-texts", BASE, {"use_container": True}),
            ("texts", BASE, {"use_container": True, "exif": bytes(4) + exif.tobytes()[6:], "xmp": xmp}),
            ("packed-texts", BASE, {"use_container": True, "exif": exif.tobytes(), "xmp": xmp, "compress_metadata": True})):
        image.save(OUT / f"{name}.jxl", lossless=True, **options)
        yield f"{name}.jxl", None
    turned = Image.Exif()
    turned[274] = 6
    BASE.save(OUT / "temporary.jpg", quality=80, exif=turned)
    Image.open(OUT / "temporary.jpg").save(OUT / "jpeg.jxl")
    (OUT / "temporary.jpg").unlink()
    yield "jpeg.jxl", None
    yield "gray16.jxl", imagecodecs.jpegxl_encode(samples(1, np.uint16, 700), lossless=True)


def row(name, allowed):
    image = Image.open(OUT / name)
    animated = int(image.format in ("GIF", "AVIF") and image.is_animated)
    orientation = image.getexif().get(274, 0) if image.format in ("AVIF", "JXL") else 0
    rgb = np.asarray(image.convert("RGB"))
    sums = "\t".join(str(v) for v in rgb.reshape(-1, 3).sum(0, dtype=np.int64))
    return f"{name}\t{rgb.shape[1]}\t{rgb.shape[0]}\t{orientation}\t{animated}\t{allowed}\t{zlib.crc32(rgb.tobytes()):08x}\t{sums}"


def main():
    OUT.mkdir(exist_ok=True)
    lines = []
    for make, allowed in ((make_bmp, 0), (make_gif, 0), (make_tiff, 0), (make_avif, 0),
                          (lambda: make_jxl(False), 0), (lambda: make_jxl(True), 1), (make_a1111, 0)):
        for name, data in make():
            if data is not None:
                (OUT / name).write_bytes(data)
            lines.append(row(name, allowed))
    (OUT.parent / "formats.tsv").write_text("\n".join(lines) + "\n")
    print(len(lines), "files")


main()
