"""AMF0: Python values to bytes and back (None is null, dict an object, list a strict array)."""
import struct


def encode(*values):
    return b"".join(_encode(v) for v in values)


def _encode(value):
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return bytes([1, value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        if len(text) > 0xFFFF:
            return b"\x0c" + struct.pack(">I", len(text)) + text
        return b"\x02" + struct.pack(">H", len(text)) + text
    if isinstance(value, dict):
        return b"\x03" + b"".join(_encode(k)[1:] + _encode(v) for k, v in value.items()) + b"\0\0\x09"
    if isinstance(value, list):
        return b"\x0a" + struct.pack(">I", len(value)) + encode(*value)
    raise TypeError(value)


def decode(data):
    """All values in `data`."""
    values, at = [], 0
    while at < len(data):
        value, at = _decode(data, at)
        values.append(value)
    return values


def _text(data, at, width):
    size = int.from_bytes(data[at:at + width], "big")
    at += width
    return data[at:at + size].decode(), at + size


def _pairs(data, at):
    out = {}
    while data[at:at + 3] != b"\0\0\x09":
        key, at = _text(data, at, 2)
        out[key], at = _decode(data, at)
    return out, at + 3


def _decode(data, at):
    kind, at = data[at], at + 1
    if kind == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if kind == 1:
        return bool(data[at]), at + 1
    if kind == 2:
        return _text(data, at, 2)
    if kind == 3:
        return _pairs(data, at)
    if kind in (5, 6):
        return None, at
    if kind == 8:
        return _pairs(data, at + 4)
    if kind == 10:
        out, count = [], int.from_bytes(data[at:at + 4], "big")
        at += 4
        for _ in range(count):
            value, at = _decode(data, at)
            out.append(value)
        return out, at
    if kind == 11:
        return struct.unpack_from(">d", data, at)[0], at + 10
    if kind == 12:
        return _text(data, at, 4)
    raise ValueError(f"AMF0 type {kind}")
