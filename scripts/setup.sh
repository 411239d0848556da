#!/usr/bin/env bash
# Gets what this machine lacks, into the project's own folders. Quick when everything is there.
#
#   scripts/setup.sh run     what building and running needs: libtorch (4.6 GB)
#   scripts/setup.sh test    that, and the Python packages that the checks compare with
#
# Downloads go through pip, uv and apt with the settings (mirrors, proxies) of this machine. A `.libtorch` of your own, a link
# or a folder, is left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} # hospitals' networks often have a certificate authority of their own

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

retry() { # retry COMMAND...: a download gets three attempts
    local attempt
    for attempt in 1 2 3; do
        if "$@"; then return; fi
        say "attempt $attempt of 3 failed: $*"
        sleep $((attempt * 3))
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_package() { # install_package NAME...: with apt, where this user may
    command -v apt-get >/dev/null || return
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return
    say "installing $* with apt"
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

rust() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs, then run this again"
    say "rust: $(cargo --version)"
}

cxx_compiler() {
    local cxx=${CXX:-c++}
    command -v "$cxx" >/dev/null || install_package g++ || true
    command -v "$cxx" >/dev/null || die "no C++ compiler ($cxx): install one, for example with: sudo apt-get install g++"
    say "C++ compiler: $("$cxx" --version | head -n 1)"
}

has_pip() { python3 -m pip --version >/dev/null 2>&1; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

find_uv() { # sets `uv`: the machine's own, or one in target/uv
    uv=uv
    if ! uv --version >/dev/null 2>&1; then
        uv=target/uv/bin/uv
        [ -x "$uv" ] || get_uv
    fi
    say "$("$uv" --version)"
}

get_uv() {
    command -v python3 >/dev/null || install_package python3-venv || die "python3 is missing: sudo apt-get install python3-venv"
    has_pip || has_venv || install_package python3-venv || true
    say "uv: getting it into target/uv"
    mkdir -p target
    rm -rf target/uv
    if has_pip; then # --target needs no leave from a system whose packages are managed elsewhere (PEP 668)
        retry python3 -m pip install --quiet --target target/uv uv || die "uv could not be installed with pip"
    elif has_venv; then
        python3 -m venv target/uv
        retry target/uv/bin/python -m pip install --quiet uv || die "uv could not be installed with pip"
    else
        die "python3 has neither pip nor venv: sudo apt-get install python3-venv"
    fi
}

python_packages() { # python_packages run|test
    if ! .venv/bin/python --version >/dev/null 2>&1; then
        retry "$uv" venv --quiet --clear --python '>=3.11,<3.15' .venv || die "no Python of version 3.11 to 3.14 could be found or got"
    fi
    retry "$uv" pip install --python .venv/bin/python -r "scripts/requirements-$1.txt" ||
        die "the packages of scripts/requirements-$1.txt could not be installed"
    say "python: $(.venv/bin/python --version) in .venv, with scripts/requirements-$1.txt"
}

libtorch_of_ones_own() { [ -e .libtorch ] && [[ "$(readlink .libtorch)" != .venv/* ]]; }

link_libtorch() {
    local torch=(.venv/lib/python3.*/site-packages/torch)
    [ -d "${torch[0]}/lib" ] || die "no torch folder in .venv: delete .venv and run this again"
    [ "$(readlink .libtorch)" = "${torch[0]}" ] || ln -sfn "${torch[0]}" .libtorch
    say "libtorch: .libtorch -> ${torch[0]}"
}

gloo_headers() { # unpacked into the project: apt downloads for everyone, and nothing is installed
    local folder=.gloo
    if [ ! -d $folder/include/gloo ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        mkdir -p $folder
        (cd $folder && apt-get download -qq libgloo-dev && dpkg-deb -x libgloo-dev_*.deb . && mv usr/include . && rm -rf usr libgloo-dev_*.deb) \
            >/dev/null 2>&1 || rm -rf $folder
    fi
    if [ -d $folder/include/gloo ]; then
        say "Gloo headers: $folder/include"
    else
        say "Gloo headers: not to be had here (only training with several processes on the CPU needs them)"
    fi
}

slurm() { # one check starts a Slurm of its own, which only root can
    if [ "$(id -u)" = 0 ] && ! PATH=$PATH:/usr/sbin command -v slurmctld >/dev/null; then
        install_package slurm-wlm munge || say "Slurm: not to be had here (its check is passed over)"
    fi
}

case ${1-} in run | test) ;; *) die "usage: scripts/setup.sh run|test" ;; esac
rust
cxx_compiler
if libtorch_of_ones_own; then
    say "libtorch: .libtorch, as found"
    [ "$1" = run ] || { find_uv && python_packages test; }
else
    find_uv
    python_packages "$1"
    link_libtorch
fi
gloo_headers
[ "$1" = run ] || slurm
