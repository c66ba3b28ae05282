"""Recipes: each loads and builds, wrong ones are refused with a hint."""

import dataclasses
import math
import os

import pytest
import torch

from colorgan.config import DiscriminatorKind, EncoderName, OutputSpace
from colorgan.errors import ConfigError
from colorgan.losses import GeneratorLoss, PerceptualLoss, tap_positions
from colorgan.model import build_discriminator, build_generator
from colorgan.training import load_recipe, recipe_names, recipe_to_toml
from colorgan.training.networks import GanNetworks
from colorgan.training.recipe import RENAMED_KEYS, RenamedKeyWarning, change_recipe
from training_support import draw_batch


class TestRecipes:
    def test_there_are_at_least_these(self):
        assert {"debug", "default", "paper", "repair"} <= set(recipe_names())

    @pytest.mark.parametrize("name", recipe_names())
    def test_each_loads_and_builds(self, name):
        recipe = load_recipe(name)
        with torch.device("meta"):
            generator = build_generator(recipe.model)
            if recipe.adversarial:
                build_discriminator(recipe.discriminator)
        assert generator.config == recipe.model
        assert recipe.description

    @pytest.mark.parametrize("name", recipe_names())
    def test_each_survives_printing(self, name, tmp_path):
        recipe = load_recipe(name)
        path = tmp_path / "printed.toml"
        path.write_text(recipe_to_toml(recipe))
        assert load_recipe(path) == recipe


class TestPaper:
    """The paper's own values; docs/train.md says which are its and which are ours."""

    def test_has_the_papers_parts(self):
        recipe = load_recipe("paper")
        assert recipe.model.encoder is EncoderName.VGG16_BN
        assert recipe.model.output is OutputSpace.RGB
        assert len(recipe.model.attention_stages) >= 2
        assert recipe.discriminator.kind is DiscriminatorKind.PATCH
        assert recipe.optimizer.adversarial_from > 0.5  # there must be colour to judge
        assert recipe.loss.adversarial == 0.01
        assert recipe.loss.smooth_l1 > 0
        taps = tap_positions(recipe.loss.perceptual_backbone)
        assert [taps[name] for name in recipe.loss.perceptual_taps] == [3, 8, 15, 24]  # of torchvision's vgg19
        weights = recipe.loss.perceptual_weights
        assert list(weights) == sorted(set(weights))
        assert recipe.augment.affine == 1
        assert recipe.augment.occlusion == 1
        assert recipe.augment.occlusion_rectangles == recipe.augment.occlusion_scratches == 0
        assert recipe.optimizer.name == "adam"

    def test_takes_a_step_at_tiny_size(self, runtime):
        recipe = load_recipe(
            "paper",
            (
                "model.bottleneck_width=8",
                "model.decoder_widths=[8, 8, 8, 8]",
                "discriminator.width=4",
                "optimizer.adversarial_from=0",
                "run.size=32",
                "run.batch_size=2",
                "loss.perceptual_taps=['relu1_2', 'relu2_2']",
                "loss.perceptual_weights=[0.1, 0.2]",
            ),
        )
        from torchvision.models.vgg import vgg19

        perceptual = PerceptualLoss(
            recipe.loss, {f"features.{k}": v for k, v in vgg19().features[:9].state_dict().items()}
        )
        networks = GanNetworks(recipe, GeneratorLoss(recipe.loss, perceptual), runtime)
        networks.begin()
        (terms,) = networks.read([networks.train_step(draw_batch(count=2), 0, 0.0)])
        assert {"smooth_l1", "perceptual", "adversarial", "discriminator"} <= set(terms)
        assert "bins" not in terms
        assert all(math.isfinite(value) for value in terms.values())


class TestLoadRecipe:
    def test_names_the_nearest_known_key(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text("[loss]\nadversarail = 0.1\n")
        with pytest.raises(ConfigError, match=r"\[?loss\]?.*unknown key 'adversarail'; did you mean 'adversarial'"):
            load_recipe(path)

    def test_names_the_nearest_known_table(self, tmp_path):
        path = tmp_path / "mine.toml"
        path.write_text("[optimiser]\nname = 'adam'\n")
        with pytest.raises(ConfigError, match="did you mean 'optimizer'"):
            load_recipe(path)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[loss", "not valid TOML"),
            ("[run]\nsize = 'large'", "size must be of type int"),
            ("[model]\nencoder = 'vgg99'", "must be one of vgg16_bn"),
            ("[optimizer]\nlearning_rate = -1.0", "learning_rate must be above 0, got -1.0"),
            ("[optimizer]\nbetas = [2, -1]", "betas must be 0 or more and below 1, got 2"),
            ("[optimizer]\nbetas = [0.9]", "betas needs 2 values"),
            ("[run]\nepochs = nan", "epochs must be above 0 and at most 1,000,000,000, got nan"),
            ("[run]\nbatch_size = -3", "batch_size must be in"),
            ("[run]\nsize = 1" + "0" * 5000, "a line of more than 2,000 characters"),
            ("[run]\nsize = 0x" + "f" * 1900, "size must be in"),
            ("x = " + "[" * 900 + "\n" + "[" * 900, "not valid TOML"),
            ("a." * 50_000 + "b = 1", "longer than 65,536 bytes"),
            ("a." * 30_000 + "b = 1", "a line of more than 2,000 characters"),
            ("a." * 900 + "b = 1", "unknown key 'a'"),
            ("[loss]\nsmooth_l1 = -1.0", "smooth_l1 must be 0 or more"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, tmp_path, text, words):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_recipe(path)

    def test_names_the_recipes_there_are(self):
        with pytest.raises(ConfigError, match=r"no recipe 'papre'; use compact, debug, default.*paper"):
            load_recipe("papre")

    def test_names_a_file_that_cannot_be_read(self, tmp_path):
        (tmp_path / "latin.toml").write_bytes(b"description = 'caf\xe9'")
        os.mkfifo(tmp_path / "pipe.toml")
        for name in ("gone.toml", "latin.toml", "pipe.toml", "y" * 300 + ".toml", "nul\0.toml"):
            with pytest.raises(ConfigError, match="cannot be read"):
                load_recipe(tmp_path / name)


class TestOverrides:
    @pytest.mark.parametrize(
        ("override", "read", "value"),
        [
            ("loss.bins=0.5", lambda r: r.loss.bins, 0.5),
            ("loss.bins=1", lambda r: r.loss.bins, 1.0),
            ("model.encoder=vgg16_bn", lambda r: r.model.encoder, EncoderName.VGG16_BN),
            ("model.decoder_widths=[32, 16, 8]", lambda r: r.model.decoder_widths, (32, 16, 8)),
            ("pretrained_encoder=false", lambda r: r.pretrained_encoder, False),
            ("description=a = b", lambda r: r.description, "a = b"),
        ],
    )
    def test_change_one_value(self, override, read, value):
        assert read(load_recipe("default", (override,))) == value

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("loss.bins", "KEY=VALUE"),
            ("loss.bin=1", "did you mean 'bins'"),
            ("description.x=1", "no table"),
            ("loss.bins=many", "must be of type float"),
            ("loss.bins=" + "1" * 1500, "that a computer can hold"),
            ("loss.bins=" + "[" * 1500, "must be of type float"),
            ("loss.bins=" + "1" * 5000, "longer than 2,000 characters"),
            ("model." + "a." * 900 + "b=1", "unknown key 'a'"),
            ("model.encoder." + "a." * 900 + "b=1", "no table"),
            ("run.size=1" + "0" * 1000, "size must be in"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, override, words):
        with pytest.raises(ConfigError, match=words):
            load_recipe("default", (override,))

    def test_change_a_loaded_recipe_too(self):
        recipe = load_recipe("debug")
        assert change_recipe(recipe, ()) == recipe
        assert change_recipe(recipe, ("run.size=96",)).run.size == 96


class TestRenamedKeys:
    @pytest.mark.parametrize(("table", "old", "value"), [(*key, 7) for key in RENAMED_KEYS])
    def test_the_old_name_is_read_and_warned_about(self, tmp_path, table, old, value):
        new = RENAMED_KEYS[table, old]
        value = 0.5 if old in ("final_share", "evenness") else value
        (tmp_path / "old.toml").write_text(f"[{table}]\n{old} = {value}\n")
        with pytest.warns(RenamedKeyWarning, match=rf"{table}\.{old} is now called {table}\.{new}"):
            recipe = load_recipe(tmp_path / "old.toml")
        assert getattr(getattr(recipe, table), new) == value
        with pytest.warns(RenamedKeyWarning, match=f"--set: {table}.{old} is now called"):
            changed = load_recipe("default", (f"{table}.{old}={value}",))
        plain = getattr(load_recipe("default"), table)
        assert getattr(changed, table) == dataclasses.replace(plain, **{new: value})

    def test_what_is_set_wins_over_the_file_by_either_name(self, tmp_path):
        (tmp_path / "new.toml").write_text("[run]\nlog_interval = 3\n")
        with pytest.warns(RenamedKeyWarning):
            assert load_recipe(tmp_path / "new.toml", ("run.journal_steps=9",)).run.log_interval == 9

    def test_both_names_in_one_file_are_refused(self, tmp_path):
        (tmp_path / "both.toml").write_text("[run]\nlog_interval = 3\njournal_steps = 4\n")
        with pytest.raises(
            ConfigError, match=r"run\.journal_steps is now called run\.log_interval, and both are given"
        ):
            load_recipe(tmp_path / "both.toml")

    def test_a_table_that_is_none_is_refused_as_ever(self, tmp_path):
        (tmp_path / "odd.toml").write_text("run = 3\n")
        with pytest.raises(ConfigError):
            load_recipe(tmp_path / "odd.toml")
