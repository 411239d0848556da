//! Compiles the C++ shim against libtorch and tells the linker where libtorch is found at run time.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Where scripts/setup.sh puts them; the wheels of torch lack them.
const GLOO_HEADERS: &str = "../.gloo/include";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch =
        env::var_os("LIBTORCH").map(PathBuf::from).ok_or("LIBTORCH is not set: .cargo/config.toml names the folder of libtorch")?;
    let libtorch =
        fs::canonicalize(&libtorch).map_err(|error| format!("LIBTORCH={}: {error}; scripts/setup.sh installs it", libtorch.display()))?;

    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").files(["csrc/shim.cpp", "csrc/distributed.cpp", "csrc/recompute.cpp"]);
    build.includes(["include", "include/torch/csrc/api/include"].map(|folder| libtorch.join(folder)));
    build.flag_if_supported("-Wno-unused-parameter");
    // A backend whose headers are missing is left out, and says so when it is asked for.
    println!("cargo:rerun-if-changed={GLOO_HEADERS}");
    if Path::new(GLOO_HEADERS).join("gloo/algorithm.h").exists() {
        build.include(GLOO_HEADERS).define("USE_C10D_GLOO", None);
    } else {
        println!("cargo:warning=no headers of Gloo: built without training on several ranks; scripts/setup.sh run gets them");
    }
    if let Some(folders) = cuda_headers(&libtorch) {
        build.includes(folders).define("USE_C10D_NCCL", None);
    }
    build.compile("drbert_shim");

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

/// The folders of NCCL's and CUDA's headers, which are wheels beside that of torch, if all that NCCL's backend includes is there.
fn cuda_headers(libtorch: &Path) -> Option<[PathBuf; 2]> {
    let wheels = libtorch.parent()?.join("nvidia");
    let [nccl, cuda] = ["nccl", "cu13"].map(|wheel| wheels.join(wheel).join("include"));
    let needed = [nccl.join("nccl.h"), cuda.join("cuda_runtime_api.h"), cuda.join("crt/host_defines.h")];
    let is_complete = needed.iter().all(|header| header.exists()) && libtorch.join("lib/libtorch_cuda.so").exists();
    is_complete.then_some([nccl, cuda])
}
