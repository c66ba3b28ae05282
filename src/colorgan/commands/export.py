"""`colorgan export`: a generator in the form that other programs read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from colorgan import console
from colorgan.commands.loading import quick_imports
from colorgan.commands.options import PrintConfigOption, QuietOption, VerboseOption
from colorgan.errors import UsageError, WeightsError

__all__ = ["export"]


class ExportForm(StrEnum):
    """What a generator can be written as."""

    SAFETENSORS = "safetensors"  # colorgan's own file
    HUB = "hub"  # a folder in the layout of a Hugging Face repository
    ONNX = "onnx"  # a graph of network and rendering


def export(
    target: Annotated[Path, typer.Argument(help="The file or folder to write.", show_default=False)],
    *,
    form: Annotated[
        ExportForm,
        typer.Option(
            "--to",
            help="safetensors: colorgan's own file; hub: a folder with it and a model card; onnx: a graph that takes L "
            "and gives ab, for programs without torch (needs colorgan\\[onnx]).",
            show_default=False,
        ),
    ],
    weights: Annotated[str, typer.Option(help="The network: a name, a file or a folder.")] = "default",
    int8: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTOS",
            help="With --to onnx, compute in 8 bits: a smaller, quicker graph. Its ranges are measured on these "
            "photographs, a folder or a .tar file; some 50 of the kind that it is to colour are enough.",
            show_default=False,
        ),
    ] = None,
    _quiet: QuietOption = False,
    _verbose: VerboseOption = False,
    print_config: PrintConfigOption = False,
) -> None:
    """Write a trained generator in the form that other programs read. Nothing is sent anywhere.

    [bold]colorgan export model.onnx --to onnx --int8 photos/[/bold]

    [bold]colorgan export model/ --to hub --weights runs/first/best.safetensors[/bold]
    """
    if int8 is not None and form is not ExportForm.ONNX:
        raise UsageError(f"--int8 is for --to onnx, not for --to {form}; leave it out")
    with quick_imports():
        from colorgan.weights.file import load_generator, save_generator
        from colorgan.weights.hub import write_hub_folder
        from colorgan.weights.store import resolve_weights

    generator = load_generator(resolve_weights(weights))
    written = target
    if form is ExportForm.HUB:
        written = write_hub_folder(target, generator)
    elif int8 is not None:
        from colorgan.rendering.onnx_int8 import write_onnx_int8

        report = write_onnx_int8(target, generator, int8)
        console.say(
            f"the 8-bit graph differs from the one in float by a mean ab distance of {report.distance:.2f}, on "
            f"{report.photographs} photographs whose mean chroma is {report.chroma:.1f}"
        )
    elif form is ExportForm.ONNX:
        from colorgan.rendering.onnx_file import write_onnx

        distance = write_onnx(target, generator)
        console.say(f"the graph answers as torch does, to a mean ab distance of {distance:.5f}")
    else:
        try:
            save_generator(target, generator.network, render=generator.render, provenance=generator.provenance)
        except OSError as error:
            raise WeightsError(f"{target} cannot be written: {error.strerror or error}") from error
    console.stdout().print(str(written), markup=False, soft_wrap=True)
