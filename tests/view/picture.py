# SPDX-License-Identifier: MIT
"""Pictures for the viewer's tests: the PNG files that it writes, and an X server's screen."""
import struct
import zlib


def chunks(path):
    """Kind and body of each chunk, whose check sums hold."""
    with open(path, 'rb') as file:
        data = file.read()
    assert data[:8] == b'\x89PNG\r\n\x1a\n', path
    at = 8
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0]
        yield kind, body
        at += 12 + size


def unfilter(compressed, width, height):
    """Rows of RGB of a frame with filters 0 and 2: ours."""
    raw, stride = zlib.decompress(compressed), 1 + 3 * width
    assert len(raw) == stride * height
    above = bytes(3 * width)
    for y in range(height):
        row = raw[y * stride:(y + 1) * stride]
        assert row[0] in (0, 2)
        above = row[1:] if row[0] == 0 else bytes((a + b) & 255 for a, b in zip(row[1:], above))
        yield above


def read_frames(path):
    """(width, height, RGB bytes, frames) for each frame of a PNG or APNG, 8 bits, RGB, as it is shown
    over those before it (PNG, third edition, 11.3.6: no disposal, blending by source)."""
    frames, parts, sequence, animated, seen = [], [], 0, 0, []
    for kind, body in chunks(path):
        seen.append(kind)
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
            assert (depth, colour) == (8, 2)
        elif kind == b'acTL':
            animated = struct.unpack('>I', body[:4])[0]
        elif kind == b'fcTL':
            number, *part, delay, unit, dispose, blend = struct.unpack('>IIIIIHHBB', body)
            assert (number, dispose, blend) == (sequence, 0, 0) and delay and unit
            sequence += 1
            parts.append((part, []))
        elif kind == b'fdAT':
            assert struct.unpack('>I', body[:4])[0] == sequence
            sequence += 1
            parts[-1][1].append(body[4:])
        elif kind == b'IDAT':
            if not parts:
                parts.append(([width, height, 0, 0], []))
            parts[-1][1].append(body)
    assert seen[-1] == b'IEND' and len(parts) == max(animated, 1)
    picture = bytearray(3 * width * height)
    for (wide, high, left, top), data in parts:
        assert left + wide <= width and top + high <= height
        for y, row in enumerate(unfilter(b''.join(data), wide, high)):
            at = 3 * ((top + y) * width + left)
            picture[at:at + 3 * wide] = row
        frames.append((width, height, bytes(picture), len(parts)))
    return frames


def read_png(path):
    """The first frame."""
    return read_frames(path)[0]


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
