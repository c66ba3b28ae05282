"""The folder of a run."""

from colorgan.runs import RunFolder


def test_no_two_files_have_one_name(tmp_path):
    run = RunFolder(tmp_path)
    files = [
        run.record,
        run.journal,
        run.best,
        run.last,
        run.curves,
        run.lock,
        run.tensorboard,
        run.sheet(3),
        run.sheet(4),
    ]
    files += [run.checkpoint(3), run.checkpoint(4)]
    assert len(set(files)) == len(files)
    assert {file.parent for file in files} == {tmp_path}


def test_checkpoints_come_oldest_first(tmp_path):
    run = RunFolder(tmp_path)
    for step in (100, 9, 20):
        run.checkpoint(step).touch()
    assert run.find_checkpoints() == [run.checkpoint(9), run.checkpoint(20), run.checkpoint(100)]


def test_weights_are_found_by_both_names(tmp_path):
    run = RunFolder(tmp_path)
    assert run.find_weights() is None
    (tmp_path / "best.pt").touch()
    assert run.find_weights() == tmp_path / "best.pt"
    run.best.touch()
    assert run.find_weights() == run.best
