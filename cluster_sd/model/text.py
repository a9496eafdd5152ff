"""Bytes of a model file to text: which encoding, and whether it is text at all."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from cluster_sd.errors import ModelError

__all__ = ["decode", "read_text"]

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HEADER = re.compile(rb"^\s*\{\s*([A-Za-z0-9._-]+)\s*\}")
_XML_HEADER = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_MAX_BYTES = 100_000_000


def read_text(path: Path) -> str:
    r"""The text of a model file, newlines as ``\n``.

    Raises
    ------
    ModelError
        If the file is missing, a folder, unreadable, empty, or holds no text.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError("is larger than 100 MB: that is no model file", path)
        data = path.read_bytes()
    except IsADirectoryError:
        raise ModelError("is a folder; name the model file in it", path) from None
    except FileNotFoundError:
        raise ModelError("there is no such file", path) from None
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror or error}", path) from None
    return decode(data, path)


def decode(data: bytes, path: Path) -> str:
    """Text from bytes.

    A byte order mark decides; then valid UTF-8; then the encoding that the file itself names (Vensim's ``{UTF-8}``
    first line, XML's declaration); then GB18030 where that gives Chinese; then Latin-1.

    Raises
    ------
    ModelError
        If the file is empty or holds no text.
    """
    if not data.strip():
        raise ModelError("is empty", path)
    text = _decode(data)
    if text is None or "\0" in text:
        raise ModelError("is not a text file: a model is Vensim's .mdl or XMILE (.xmile, .stmx) text", path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ModelError("is empty", path)
    return text


def _decode(data: bytes) -> str | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _try(data, encoding)
    if b"\0" in data:
        return None
    text = _try(data, "utf-8")
    if text is not None:
        return text
    return _named(data) or _chinese(data) or _latin(data)


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _named(data: bytes) -> str | None:
    found = _HEADER.match(data) or _XML_HEADER.match(data)
    name = found.group(1).decode("ascii").lower() if found else ""
    if not name or name.startswith("utf"):
        return None
    try:
        codec = codecs.lookup(name)
    except LookupError:
        return None
    return _try(data, codec.name) if getattr(codec, "_is_text_encoding", True) else None


def _chinese(data: bytes) -> str | None:
    """GB18030 if it makes sense: most of what is beyond ASCII is common Chinese, as a Latin text read so never is."""
    text = _try(data, "gb18030")
    if text is None:
        return None
    beyond = [c for c in text if ord(c) > 127]
    common = sum("\u4e00" <= c <= "\u9fff" or "\u3000" <= c <= "\u303f" or "\uff00" <= c <= "\uffef" for c in beyond)
    pairs = sum(1 for run in re.findall(rb"[\x81-\xfe][\x40-\xfe]", data) if run[1] >= 0xA1)
    return text if common >= 0.8 * len(beyond) and pairs >= 0.5 * len(beyond) else None


def _latin(data: bytes) -> str | None:
    """Windows' Latin-1, unless control characters say that the file is no text."""
    controls = sum(b < 9 or 13 < b < 32 for b in data)
    if controls > 0.01 * len(data):
        return None
    return _try(data, "cp1252") or _try(data, "latin-1")
