"""Photographs on disk, and what training makes of them."""

from colorgan.data.batched import derive_seed
from colorgan.data.dataset import (
    Batch,
    PositionSampler,
    Sample,
    TrainingPhotos,
    draw_batches,
    make_loader,
    worker_deaths_explained,
)
from colorgan.data.device_dataset import DeviceDataset
from colorgan.data.folder import (
    PhotoFile,
    PhotoSets,
    find_photos,
    find_sets,
    find_validation_folder,
    open_photo,
    read_photo,
    split_by_name,
)

__all__ = [
    "Batch",
    "DeviceDataset",
    "PhotoFile",
    "PhotoSets",
    "PositionSampler",
    "Sample",
    "TrainingPhotos",
    "derive_seed",
    "draw_batches",
    "find_photos",
    "find_sets",
    "find_validation_folder",
    "make_loader",
    "open_photo",
    "read_photo",
    "split_by_name",
    "worker_deaths_explained",
]
