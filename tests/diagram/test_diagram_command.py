"""``cluster-sd diagram``."""

from __future__ import annotations

import json

import pytest

from cluster_sd.cli import main


def test_a_folder_of_pictures_and_a_page(write, tmp_path):
    path, out = write(), tmp_path / "out"
    assert main(["diagram", str(path), "--out", str(out), "--quiet"]) in (0, None)
    assert {p.name for p in out.iterdir()} == {"01-people.svg", "02-land.svg", "whole.svg", "index.html", "run.json"}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 3 and "Sectors are the groups of the model file." in page
    told = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (told["command"], told["settings"]) == ("diagram", {"lang": "en"})
    again = tmp_path / "again"
    main(["diagram", str(path), "--out", str(again), "--quiet"])
    assert all((again / p.name).read_bytes() == p.read_bytes() for p in out.iterdir() if p.name != "run.json")


def test_the_page_in_chinese(write, tmp_path):
    out = tmp_path / "out"
    main(["diagram", str(write()), "--out", str(out), "--lang", "zh", "--quiet"])
    page = (out / "index.html").read_text(encoding="utf-8")
    assert 'lang="zh' in page and "板块即模型文件中的分组" in page


def test_views_are_written_and_said_so(write, capsys):
    path = write()
    main(["diagram", str(path), "--write-views"])
    assert "2 views written into" in capsys.readouterr().out
    assert b"*People\n" in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to write"),
        (["--out", "people.mdl"], "is a file"),
        (["--out", "/proc/none"], "can't be written|no right to write"),
        (["--lang", "fr"], "invalid choice"),
    ],
)
def test_mistakes_are_told_in_one_line(write, monkeypatch, capsys, arguments, message):
    path = write()
    monkeypatch.chdir(path.parent)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(["diagram", path.name, *arguments]))
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert __import__("re").search(message, error) and "Traceback" not in error


def test_xmile_has_no_views_written(tmp_path, capsys):
    path = tmp_path / "model.xmile"
    path.write_text("<xmile/>", encoding="utf-8")
    assert main(["diagram", str(path), "--write-views"]) == 2
    assert "is no .mdl file" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "<xmile/>"


def test_a_read_only_model_is_refused_before_any_work(write, tmp_path, capsys):
    path = write()
    path.chmod(0o444)
    assert main(["diagram", str(path), "--write-views", "--out", str(tmp_path / "out")]) == 2
    assert "read-only" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
