"""What may stand in a registry, and what extends the built-in one."""

from pathlib import Path

import pytest
from torchvision.models import MobileNet_V2_Weights, SqueezeNet1_1_Weights, VGG16_BN_Weights, VGG19_Weights

from colorgan.errors import ConfigError, WeightsNotFoundError
from colorgan.weights.registry import (
    Registry,
    RegistryEntry,
    WeightsKind,
    format_registry_file,
    read_registry,
)
from weights_support import make_entry

SHA256 = "ab" * 32


@pytest.fixture
def custom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry file that COLORGAN_REGISTRY names."""
    path = tmp_path / "registry.toml"
    monkeypatch.setenv("COLORGAN_REGISTRY", str(path))
    return path


def write_entry(path: Path, name: str = "mine", **changes: str) -> None:
    values = {"kind": '"backbone"', "sha256": f'"{SHA256}"', "urls": '["https://example.org/mine.pth"]'}
    lines = [f"{key} = {value}" for key, value in (values | changes).items() if value]
    path.write_text(f'["{name}"]\n' + "\n".join(lines), encoding="utf-8")


def read_registry_without(custom: Path) -> Registry:
    """Read the built-in registry alone."""
    custom.write_text("")
    return read_registry()


class TestBuiltIn:
    def test_names(self) -> None:
        names = [entry.name for entry in read_registry()]
        assert names == [
            "default",
            "efficientnet_lite0",
            "inception_fid",
            "mobilenet_v2",
            "squeezenet1_1",
            "vgg16_bn",
            "vgg19",
        ]
        assert read_registry()["lite0"].name == "default"

    @pytest.mark.parametrize("entry", list(read_registry()), ids=lambda entry: entry.name)
    def test_every_entry_says_everything(self, entry: RegistryEntry) -> None:
        assert entry.size > 0
        assert entry.version
        assert entry.metrics
        assert "unknown" not in (entry.licence, entry.data)
        assert entry.bundled or all(url.startswith("https://") for url in entry.urls)

    @pytest.mark.parametrize(
        ("name", "published"),
        [
            ("mobilenet_v2", MobileNet_V2_Weights.IMAGENET1K_V2),
            ("squeezenet1_1", SqueezeNet1_1_Weights.IMAGENET1K_V1),
            ("vgg16_bn", VGG16_BN_Weights.IMAGENET1K_V1),
            ("vgg19", VGG19_Weights.IMAGENET1K_V1),
        ],
    )
    def test_backbones_are_what_torchvision_publishes(self, name: str, published: VGG16_BN_Weights) -> None:
        entry = read_registry()[name]
        assert entry.version == published.name
        assert entry.urls[0] == published.url
        assert published.url.endswith(f"-{entry.sha256}.pth")
        assert entry.size / 2**20 == pytest.approx(published.meta["_file_size"], abs=0.0006)
        accuracy = published.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        assert entry.metrics == f"{accuracy:.3f} % top-1 on ImageNet-1k"

    def test_an_unknown_name_gets_the_nearest(self) -> None:
        with pytest.raises(WeightsNotFoundError, match=r"no weights named 'vgg16-bn'.*did you mean 'vgg16_bn'"):
            read_registry()["vgg16-bn"]

    def test_a_name_like_no_other_gets_all(self) -> None:
        with pytest.raises(WeightsNotFoundError, match=r"known names are default, .*, lite0"):
            read_registry()["zzz"]


class TestEntry:
    @pytest.mark.parametrize(
        "name",
        ["../evil", "a/b", "a\\b", "..", ".hidden", "", "c:evil", "CON", "nul.pth", "a\0b", "ends.", "ä"],
    )
    def test_a_name_that_would_leave_the_store_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="cannot name a weights file"):
            make_entry("https://example.org/a.pth", name=name)
        with pytest.raises(ConfigError, match="cannot name a weights file"):
            make_entry("https://example.org/a.pth", aliases=(name,))

    @pytest.mark.parametrize("file", ["../evil.pth", "/etc/passwd", "a\\b.pth", ".thing.part"])
    def test_a_file_that_would_leave_the_store_is_refused(self, file: str) -> None:
        with pytest.raises(ConfigError, match="cannot name a weights file"):
            make_entry("https://example.org/a.pth", file=file)

    @pytest.mark.parametrize(
        "url", ["https://example.org/..%5Cevil.pth", "https://example.org/a/", "https://example.org"]
    )
    def test_a_url_that_would_leave_the_store_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigError, match="cannot name a weights file"):
            make_entry(url, file="")

    def test_a_file_is_called_as_in_its_url(self) -> None:
        assert make_entry("https://example.org/a/b-c.pth?x=/y.pth", file="").file == "b-c.pth"
        assert make_entry("https://example.org/..%2Fevil.pth", file="").file == "evil.pth"

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"sha256": "abc"}, "sha256 must be"),
            ({"sha256": "g" * 64}, "sha256 must be"),
            ({"sha256": "a" * 65}, "sha256 must be"),
            ({"size": -1}, "size must be"),
            ({"urls": ()}, "urls must name"),
            ({"urls": ("ftp://example.org/a.pth",)}, "a URL must begin"),
            ({"urls": ("/a.pth",)}, "a URL must begin"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, changes: dict[str, object], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            make_entry("https://example.org/a.pth", **changes)

    def test_sizes_are_exact_only_beside_a_whole_hash(self) -> None:
        exact = make_entry("https://example.org/a.pth", size=5000)
        rounded = make_entry("https://example.org/a.pth", size=5000, sha256="ab" * 4)
        assert [exact.fits_size(n) for n in (5000, 5001)] == [True, False]
        assert [rounded.fits_size(n) for n in (5000, 6024, 6025, 3975)] == [True, True, False, False]

    def test_as_a_file_and_back(self, tmp_path: Path) -> None:
        entry = make_entry("https://example.org/a.pth", licence='the "best"\n\\ licence, für alle', aliases=("b", "c"))
        (tmp_path / "a.toml").write_text(format_registry_file(entry), encoding="utf-8")
        read = read_registry(tmp_path)["thing"]
        assert read.licence == 'the "best"\\ licence, für alle'
        assert read == make_entry(*entry.urls, licence=read.licence, aliases=("b", "c"))


class TestExtension:
    def test_adds_names(self, custom: Path) -> None:
        write_entry(custom)
        entry = read_registry()["mine"]
        assert (entry.kind, entry.file, entry.size) == (WeightsKind.BACKBONE, "mine.pth", 0)
        assert "vgg19" in read_registry()

    @pytest.mark.parametrize("name", ["vgg19", "default", "lite0"])
    def test_does_not_replace_a_name_silently(self, custom: Path, name: str) -> None:
        write_entry(custom, name)
        with pytest.raises(ConfigError, match=f"takes the name '{name}'.*override = true"):
            read_registry()

    def test_does_not_replace_a_file_silently(self, custom: Path) -> None:
        write_entry(custom, urls='["https://evil.example.org/vgg19-dcbb9e9d.pth"]')
        with pytest.raises(ConfigError, match=r"takes the file name 'vgg19-dcbb9e9d.pth'"):
            read_registry()

    def test_may_say_again_what_is_known(self, custom: Path) -> None:
        known = read_registry_without(custom)["vgg19"]
        write_entry(custom, "vgg19", sha256=f'"{known.sha256}"')
        assert read_registry()["vgg19"] == known

    def test_replaces_a_name_when_it_says_so(self, custom: Path) -> None:
        write_entry(custom, "vgg19", override="true")
        assert read_registry()["vgg19"].urls == ("https://example.org/mine.pth",)

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"kind": ""}, r"\[mine\]: kind must be given"),
            ({"sha256": ""}, r"\[mine\]: sha256 must be given"),
            ({"kind": '"generater"'}, "kind must be one of generator, backbone"),
            ({"urls": '"https://example.org/a.pth"'}, "urls"),
            ({"size": '"big"'}, "size"),
            ({"licens": '"MIT"'}, "unknown key 'licens'; did you mean 'licence'"),
            ({"urls": '["https://example.org/%2e%2e%5cevil"]'}, "cannot name a weights file"),
        ],
    )
    def test_says_what_cannot_be_meant(self, custom: Path, changes: dict[str, str], complaint: str) -> None:
        write_entry(custom, **changes)
        with pytest.raises(ConfigError, match=complaint) as caught:
            read_registry()
        assert str(custom) in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [("[mine", "not valid TOML"), ("mine = 3", "expected a table"), (b"\xff\xfe", "not valid TOML")],
    )
    def test_says_what_cannot_be_read(self, custom: Path, text: str | bytes, complaint: str) -> None:
        custom.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError, match=complaint):
            read_registry()

    def test_says_that_it_is_missing(self, custom: Path) -> None:
        with pytest.raises(ConfigError, match="correct COLORGAN_REGISTRY"):
            read_registry()


def test_registry_of_nothing() -> None:
    assert list(Registry([])) == []
