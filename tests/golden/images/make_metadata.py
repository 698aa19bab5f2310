# SPDX-License-Identifier: MIT
"""Texts inside real image files, as sizes and checksums: metadata.tsv, for tests/unit/image/test_chunks.c.

    python make_metadata.py SHARED/data/metadata-twins > metadata.tsv       (needs Pillow)

PNG chunks are cut here by hand; EXIF is read by Pillow, XMP and comments too. One line per text: file, key, number of
bytes in UTF-8, CRC-32 of these bytes.
"""
import struct
import sys
import zlib
from pathlib import Path

from PIL import Image

TAGS = {0x010E: "exif:ImageDescription", 0x010F: "exif:Make", 0x0110: "exif:Model", 0x0131: "exif:Software"}


def utf8(raw):
    try:
        return raw.decode("utf-8").encode()
    except UnicodeDecodeError:
        return raw.decode("latin-1").encode()


def comment(raw):
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        big = sum(b == 0 for b in body[::2]) > sum(b == 0 for b in body[1::2])
        return body.decode("utf-16-be" if big else "utf-16-le").rstrip("\0").encode()
    return utf8((body if code in (b"ASCII\0\0\0", bytes(8)) else raw).rstrip(b"\0"))


def exif(im):
    e = im.getexif()
    for tag, key in sorted(TAGS.items()):
        if tag in e:
            v = e[tag]
            yield key, utf8((v if isinstance(v, bytes) else v.encode("latin-1")).rstrip(b"\0"))
    v = e.get_ifd(0x8769).get(0x9286)
    if v is not None:
        yield "exif:UserComment", comment(v if isinstance(v, bytes) else v.encode("latin-1"))


def png(raw):
    at = 8
    while at + 8 <= len(raw):
        n, tag = struct.unpack(">I4s", raw[at:at + 8])
        body = raw[at + 8:at + 8 + n]
        at += 12 + n
        if tag == b"tEXt":
            k, v = body.split(b"\0", 1)
        elif tag == b"zTXt":
            k, v = body.split(b"\0", 1)
            v = zlib.decompress(v[1:])
        elif tag == b"iTXt":
            k, v = body.split(b"\0", 1)
            packed = v[0]
            v = v[2:].split(b"\0", 2)[2]
            v = zlib.decompress(v) if packed else v
        else:
            continue
        yield k.decode("latin-1"), utf8(v)


def texts(path):
    raw = path.read_bytes()
    try:
        im = Image.open(path)
    except Exception:  # noqa: BLE001  (not an image, so it has no texts)
        return
    if im.format == "PNG":
        yield from png(raw)
        if b"eXIf" in raw:
            yield from exif(im)
        return
    if im.format == "JPEG" and "comment" in im.info:
        yield "jpeg:comment", utf8(im.info["comment"])
    yield from exif(im)
    if "xmp" in im.info:
        yield "xmp", utf8(im.info["xmp"])


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for p in sorted(q for q in root.rglob("*") if q.suffix in (".png", ".jpg", ".jpeg", ".webp")):
        for key, text in texts(p):
            if text or p.suffix == ".png":
                print(p.relative_to(root).as_posix(), key, len(text), f"{zlib.crc32(text):08x}", sep="\t")
