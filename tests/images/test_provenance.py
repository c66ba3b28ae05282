"""What is said of where a picture comes from, as a person reads it."""

import pytest

from colorgan.images import Marks, Provenance


class TestProvenance:
    def test_in_a_sentence(self) -> None:
        note = Provenance(version="1.2", model="default", hash="ab12", settings={"strength": 1.5, "look": "vivid"})
        assert str(note) == (
            "colourised by colorgan 1.2, model default ab12, settings strength 1.5, look vivid"
        )  # fmt: skip

    def test_without_settings(self) -> None:
        assert str(Provenance(version="1", model="m", hash="0")).endswith("settings default")

    def test_is_a_value(self) -> None:
        assert Provenance(version="1", model="m", hash="0") == Provenance(version="1", model="m", hash="0")


class TestMarks:
    @pytest.mark.parametrize(
        ("marks", "said"),
        [
            (Marks(), "no marks of where it comes from"),
            (Marks(tool="GIMP"), "no marks of where it comes from"),  # many programs leave their name
            (Marks(source_type="digitalCapture", tool="A camera"), "digitalCapture, by A camera"),
            (Marks(source_type="digitalCapture"), "digitalCapture"),
            (Marks(system="Painter", system_version="3"), "made with an AI system, by Painter 3"),
            (Marks(source_type="trainedAlgorithmicMedia", system="Painter", tool="GIMP"),
             "trainedAlgorithmicMedia, by Painter"),
        ],
    )  # fmt: skip
    def test_in_words(self, marks: Marks, said: str) -> None:
        assert str(marks) == said

    def test_a_note_of_colorgan_says_it_all(self) -> None:
        note = Provenance(version="1", model="m", hash="0")
        assert str(Marks(note=note, source_type="digitalCapture")) == str(note)
