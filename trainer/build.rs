//! Compiles the C++ shim against libtorch and tells the linker where libtorch is found at run time.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch =
        env::var_os("LIBTORCH").map(PathBuf::from).ok_or("LIBTORCH is not set: .cargo/config.toml names the folder of libtorch")?;
    let libtorch =
        fs::canonicalize(&libtorch).map_err(|error| format!("LIBTORCH={}: {error}; scripts/setup.sh installs it", libtorch.display()))?;

    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("csrc/shim.cpp")
        .includes(["include", "include/torch/csrc/api/include"].map(|folder| libtorch.join(folder)))
        .flag_if_supported("-Wno-unused-parameter")
        .compile("drbert_shim");

    let libraries = libtorch.join("lib");
    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    // Nothing names a symbol of libtorch_cuda: without this the linker would drop it, and with it every CUDA kernel.
    if libraries.join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch_cuda");
    }
    Ok(())
}
