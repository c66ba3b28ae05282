"""The record of a run."""

import os

import pytest

from colorgan.data import find_photos
from colorgan.data.runs import latest_run, read_record, validation_photos, write_record
from colorgan.errors import DataError, UsageError


@pytest.fixture
def record(tmp_path, photo_folder):
    """Write a record of a run on six photographs, two of which it was validated on."""
    photos = photo_folder(6)
    run_dir = tmp_path / "runs" / "one"
    run_dir.mkdir(parents=True)
    write_record(run_dir, photos, photos, ["photo001.png", "photo004.png"], {"seed": 3})
    return run_dir


class TestRecord:
    def test_comes_back_as_written(self, record, tmp_path):
        found = read_record(record)
        assert found["seed"] == 3
        assert found["data"] == str(tmp_path / "photos")
        assert [p.name for p in record.iterdir()] == ["run.json"]

    def test_names_the_photographs_validated_on(self, record, tmp_path):
        wanted = [p for p in find_photos(tmp_path / "photos") if p.name in ("photo001.png", "photo004.png")]
        assert validation_photos(record) == wanted

    def test_says_when_they_are_gone(self, record, tmp_path):
        for name in ("photo001.png", "photo004.png"):
            (tmp_path / "photos" / name).unlink()
        with pytest.raises(DataError, match="no longer in"):
            validation_photos(record)

    @pytest.mark.parametrize(
        "content",
        [
            None,
            "",
            "{",
            "[]",
            "{}",
            "[" * 100_000,
            "1" * 5000,
            '{"data": 1, "validation_data": "b", "validation": []}',
            '{"data": "a", "validation_data": null, "validation": []}',
            '{"data": "a", "validation_data": "b", "validation": "c"}',
            '{"data": "a", "validation_data": "b", "validation": [1]}',
            '{"data": "a", "validation_data": "b", "validation": [], "separate_validation": 3}',
        ],
    )
    def test_says_what_is_no_run(self, tmp_path, content):
        if content is not None:
            (tmp_path / "run.json").write_text(content)
        with pytest.raises(DataError, match="training run"):
            read_record(tmp_path)

    def test_says_which_path_in_it_is_none(self, tmp_path):
        (tmp_path / "run.json").write_text('{"data": "a", "validation_data": "b\\u0000", "validation": ["c"]}')
        with pytest.raises(UsageError, match="is no name of a file"):
            validation_photos(tmp_path)


class TestLatestRun:
    def test_is_the_one_whose_record_is_youngest(self, record):
        older = record.parent / "zwei"
        older.mkdir()
        (older / "run.json").write_text("{}")
        os.utime(older / "run.json", (1, 1))
        assert latest_run(record.parent) == record

    def test_is_none_where_there_is_none(self, tmp_path):
        assert latest_run(tmp_path) is None
        assert latest_run(tmp_path / "gone") is None
