# SPDX-License-Identifier: MIT
"""Pictures for the viewer's tests: the PNG files that it writes, and an X server's screen."""
import struct
import zlib


def read_png(path):
    """(width, height, RGB bytes, frames) of a file with filters 0 and 2, 8 bits, RGB: ours."""
    with open(path, 'rb') as file:
        data = file.read()
    assert data[:8] == b'\x89PNG\r\n\x1a\n', path
    at, idat, frames, animated = 8, b'', 0, False
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0]
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
            assert (depth, colour) == (8, 2)
        elif kind == b'acTL':
            animated = True
        elif kind == b'IDAT':
            idat += body
        elif kind == b'fcTL':
            frames += 1
        at += 12 + size
    raw, stride = zlib.decompress(idat), 1 + 3 * width
    rows, above = [], bytes(3 * width)
    for y in range(height):
        row = raw[y * stride:(y + 1) * stride]
        assert row[0] in (0, 2)
        above = row[1:] if row[0] == 0 else bytes((a + b) & 255 for a, b in zip(row[1:], above))
        rows.append(above)
    return width, height, b''.join(rows), frames if animated else 1


def read_screen(path):
    """The same of the file that `Xvfb -fbdir` keeps (XWD, 32 bits a pixel)."""
    with open(path, 'rb') as file:
        data = file.read()
    head = struct.unpack('>25I', data[:100])
    width, height, stride, colours = head[4], head[5], head[12], head[19]
    start, rows = head[0] + 12 * colours, []
    for y in range(height):
        row = data[start + y * stride:start + y * stride + 4 * width]
        rgb = bytearray(3 * width)
        rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(rgb))
    return width, height, b''.join(rows), 1


def difference(a, b):
    """The part of the pixels' bytes that differ by more than a little; 1 for other sizes."""
    if a[:2] != b[:2]:
        return 1.0
    if a[2] == b[2]:
        return 0.0
    return sum(abs(x - y) > 40 for x, y in zip(a[2], b[2])) / len(a[2])
