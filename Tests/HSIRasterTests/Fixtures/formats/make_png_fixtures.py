"""Writes the PNG stacks, with Python's standard library only: a CAVE scene (31 × 16 bit, 3 × 4 pixels,
100·line + 10·sample + band, a preview beside it), and a scene of 8-bit RGBA pictures as CAVE's watercolors are."""
import os, struct, zlib

def png(path, width, height, depth, colour, rows):
    def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + row for row in rows)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))

for folder in ("cave/thing_ms", "cave/coloured_ms"): os.makedirs(folder, exist_ok=True)
for band in range(31):
    rows = [struct.pack(">4H", *[100 * i + 10 * j + band for j in range(4)]) for i in range(3)]
    png(f"cave/thing_ms/thing_ms_{band + 1:02}.png", 4, 3, 16, 0, rows)
pixels = bytes(3 * 4 * 3 + 0)
with open("cave/thing_ms/thing_RGB.bmp", "wb") as f:
    f.write(b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, 4, 3, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + pixels)
for band in range(3):
    rows = [b"".join(bytes([10 * i + j + 100 * band // 2, 1, 2, 255]) for j in range(4)) for i in range(3)]
    png(f"cave/coloured_ms/coloured_ms_{band + 1:02}.png", 4, 3, 8, 6, rows)
