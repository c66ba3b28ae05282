import gc
import sys
from collections.abc import Iterator

import pytest

from colorgan.commands.loading import quick_imports


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As at the start of a program."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("without_torch")
class TestQuickImports:
    def test_nothing_is_collected_on_the_way(self):
        with quick_imports():
            assert not gc.isenabled()
        assert gc.isenabled()

    def test_what_was_made_is_passed_over_from_then_on(self):
        with quick_imports():
            made = [[number] for number in range(1000)]
        assert gc.get_freeze_count() > len(made)
        assert all(made is not tracked for tracked in gc.get_objects())

    def test_the_collector_is_back_after_a_failed_import(self):
        with pytest.raises(ModuleNotFoundError), quick_imports():
            import no_such_module  # type: ignore[import-not-found]  # noqa: F401 - that is what is tested
        assert gc.isenabled()


class TestLaterOn:
    def test_a_library_that_is_there_already_changes_nothing(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "torch", sys)
        frozen = gc.get_freeze_count()
        with quick_imports():
            assert gc.isenabled()
        assert gc.get_freeze_count() == frozen
