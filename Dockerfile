# colorgan with its weights, for the CPU:
#   docker build --tag colorgan .
#   docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$PWD:/photos" colorgan colorize old -o new
# For NVIDIA GPUs, with one of torch's CUDA builds, and --gpus all to run:
#   docker build --build-arg TORCH=cu126 --tag colorgan:cuda .
ARG PYTHON=3.13
FROM python:${PYTHON}-slim

ARG TORCH=cpu
WORKDIR /opt/colorgan
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --extra-index-url "https://download.pytorch.org/whl/${TORCH}" .

# Any user can run it, one without a name or a home folder too.
RUN useradd --create-home --uid 1000 colorgan && mkdir /photos && chown colorgan /photos
USER 1000
WORKDIR /photos
ENTRYPOINT ["colorgan"]
CMD ["--help"]
