# Sourced by the measurements beside other people's trainers and loaders, in the folder that takes what is installed, with `root` set to that of the repository.
# Installs their packages into ./peers, beside the torch and transformers of .venv, and defines `with_peers COMMAND...`, which runs Python with both.
uv=$root/target/uv/bin/uv
[ -x "$uv" ] || uv=uv
if [ ! -e peers/done ]; then
    "$uv" pip install --quiet --python "$root/.venv/bin/python" --target peers --no-deps accelerate psutil datasets dill multiprocess pandas python-dateutil six \
        fsspec httpx aiohttp pyarrow-hotfix mosaicml-streaming catalogue xxhash zstd Brotli python-snappy cramjam "torchvision==0.26.*" pillow && touch peers/done
fi
with_peers() { PYTHONPATH=$PWD/peers "$root/.venv/bin/python" "$@"; }
