"""Bytes to text: encodings, and what is no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_sd.errors import ModelError
from cluster_sd.model.text import decode, read_text

FILE = Path("x.mdl")
CHINESE = "{UTF-8}\n农户资本 = 3\n\t~\t元\n\t~\t冰糖橙集群,农户的资本。\n\t|\n"
FRENCH = "prix élevé = 3\n\t~\t€\n\t~\tl'été à Évian, où ça chauffe\n\t|\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
def test_chinese_text_is_read_in_all_its_encodings(encoding):
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert decode(bom + CHINESE.encode(encoding), FILE) == CHINESE


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_western_text_is_read_in_all_its_encodings(encoding):
    text = FRENCH.replace("€", "$") if encoding == "latin-1" else FRENCH
    assert decode(text.encode(encoding), FILE) == text


def test_one_chinese_name_among_english_ones_is_enough():
    text = "Farmer capital = 3 ~ yuan ~ the capital of farmers in H village (农户) |" * 20
    assert decode(text.encode("gb18030"), FILE) == text


def test_the_encoding_that_a_file_names_is_used_where_it_fits():
    text = "{windows-1251}\nцена = 3 ~ ~ |"
    assert decode(text.encode("cp1251"), FILE) == text
    xml = '<?xml version="1.0" encoding="windows-1251"?>\n<a>цена</a>'
    assert decode(xml.encode("cp1251"), FILE) == xml


def test_a_named_encoding_that_is_none_does_not_matter():
    text = "{rot13}\nprix élevé = 3 ~ ~ |"
    assert decode(text.encode("latin-1"), FILE) == text
    text = "{no-such-thing}\nprix élevé = 3 ~ ~ |"
    assert decode(text.encode("latin-1"), FILE) == text


def test_all_line_ends_become_newlines():
    assert decode(b"a\r\nb\rc\nd", FILE) == "a\nb\nc\nd"


@pytest.mark.parametrize(
    "data", [b"", b"  \n\t ", b"\xef\xbb\xbf", b"\xff\xfe"], ids=["nothing", "blanks", "bom", "bom16"]
)
def test_empty_files_are_refused(data):
    with pytest.raises(ModelError, match=r"x\.mdl: is (empty|not a text)"):
        decode(data, FILE)


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"PK\x03\x04" + bytes(range(256)), bytes(range(1, 32)) * 10 + b"\xff\x80"],
    ids=["png", "zip", "controls"],
)
def test_binary_files_are_refused(data):
    with pytest.raises(ModelError, match="is not a text file"):
        decode(data, FILE)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(ModelError, match="there is no such file"):
        read_text(tmp_path / "none.mdl")
    with pytest.raises(ModelError, match="is a folder"):
        read_text(tmp_path)
