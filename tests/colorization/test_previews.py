"""Small pictures kept on the disk while a run lasts."""

import os
from pathlib import Path

import pytest

from colorgan.colorization import Job, Outcome, PreviewStore, Status
from colorgan.colorization.previews import StoredPreview
from colorgan.colorization.products import Preview
from colorgan.errors import UsageError


def outcome(number: int, preview: Preview | None) -> Outcome:
    return Outcome(job=Job(number, Path("a.jpg"), Path("b.jpg")), status=Status.COLORIZED, preview=preview)


class TestPreviewStore:
    def test_gives_back_what_was_kept_in_any_order(self, tmp_path: Path) -> None:
        given = [Preview(bytes([n]) * (10 + n), bytes([100 + n]) * (3 * n)) for n in range(20)]
        with PreviewStore(tmp_path) as store:
            kept = [store.keep(outcome(n, preview)).preview for n, preview in enumerate(given)]
            for n in (19, 0, 7, 8, 7):
                stored = kept[n]
                assert isinstance(stored, StoredPreview)
                assert (stored.after, stored.before) == (given[n].after, given[n].before)

    def test_the_rest_of_an_outcome_stays(self, tmp_path: Path) -> None:
        with PreviewStore(tmp_path) as store:
            kept = store.keep(outcome(3, Preview(b"1", b"2")))
            assert (kept.job.number, kept.status) == (3, Status.COLORIZED)

    def test_what_has_no_preview_or_one_on_the_disk_stays_itself(self, tmp_path: Path) -> None:
        with PreviewStore(tmp_path) as store:
            without, kept = outcome(0, None), store.keep(outcome(1, Preview(b"1", b"2")))
            assert store.keep(without) is without
            assert store.keep(kept) is kept

    def test_nothing_is_left_behind(self, tmp_path: Path) -> None:
        with PreviewStore(tmp_path / "new" / "folder") as store:
            store.keep(outcome(0, Preview(b"1" * 10_000, b"2")))
        assert list((tmp_path / "new" / "folder").iterdir()) == []

    def test_a_full_disk_costs_the_preview_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full:
            def seek(self, *_: int) -> int:
                return 0

            def write(self, _: bytes) -> int:
                raise OSError(28, os.strerror(28))

            def close(self) -> None:
                pass

        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
        with PreviewStore(tmp_path) as store:
            kept = store.keep(outcome(0, Preview(b"1", b"2")))
        assert (kept.preview, kept.status) == (None, Status.COLORIZED)

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"cannot be written to: .*; give another place for the report"):
            PreviewStore(tmp_path / "file" / "below")
