//! Compiles the C++ shim against libtorch and tells the linker where libtorch is found at run time.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Where scripts/setup.sh puts them; the wheels of torch lack them.
const GLOO_HEADERS: &str = "../.gloo/include";
/// One header of each package that libtorch's backend for NCCL includes.
const NCCL_NEEDS: [&str; 7] =
    ["nccl.h", "cuda_runtime_api.h", "crt/host_defines.h", "nv/target", "cublas_v2.h", "cusparse.h", "cusolverDn.h"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    let libtorch =
        env::var_os("LIBTORCH").map(PathBuf::from).ok_or("LIBTORCH is not set: .cargo/config.toml names the folder of libtorch")?;
    let libtorch =
        fs::canonicalize(&libtorch).map_err(|error| format!("LIBTORCH={}: {error}; scripts/setup.sh installs it", libtorch.display()))?;

    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").files([
        "csrc/shim.cpp",
        "csrc/distributed.cpp",
        "csrc/recompute.cpp",
        "csrc/stream.cpp",
        "csrc/attention.cpp",
    ]);
    build.includes(["include", "include/torch/csrc/api/include"].map(|folder| libtorch.join(folder)));
    build.flag_if_supported("-Wno-unused-parameter");
    // A backend whose headers are missing is left out, and says so when it is asked for.
    println!("cargo:rerun-if-changed={GLOO_HEADERS}");
    if Path::new(GLOO_HEADERS).join("gloo/algorithm.h").exists() {
        build.include(GLOO_HEADERS).define("USE_C10D_GLOO", None);
    } else {
        println!("cargo:warning=no headers of Gloo: built without training on several ranks; scripts/setup.sh run gets them");
    }
    let libraries = libtorch.join("lib");
    let has_cuda = libraries.join("libtorch_cuda.so").exists();
    if has_cuda {
        let folders = include_folders_of_cuda(&libtorch);
        let find = |header: &&str| folders.iter().map(|folder| folder.join(header)).find(|path| path.exists());
        if let Some(missing) = NCCL_NEEDS.iter().find(|header| find(header).is_none()) {
            println!("cargo:rerun-if-changed={missing}");
            println!("cargo:warning=no {missing}: built without training on several GPUs; scripts/setup.sh run gets it, or set CUDA_HOME");
        } else {
            NCCL_NEEDS.iter().filter_map(find).for_each(|header| println!("cargo:rerun-if-changed={}", header.display()));
            build.includes(folders).define("USE_C10D_NCCL", None);
            build.flag_if_supported("-Wno-interference-size");
        }
    }
    build.compile("drbert_shim");

    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    // Nothing names a symbol of libtorch_cuda: without this the linker would drop it, and with it every CUDA kernel.
    if has_cuda {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch_cuda");
    }
    Ok(())
}

/// Where NCCL's and CUDA's headers may be: the wheels beside that of torch, and an installed CUDA.
fn include_folders_of_cuda(libtorch: &Path) -> Vec<PathBuf> {
    let wheels = libtorch.parent().map(|packages| packages.join("nvidia"));
    let wheels = wheels.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten().map(|wheel| wheel.path());
    let mut roots: Vec<PathBuf> = wheels.collect();
    roots.sort();
    roots.extend(env::var_os("CUDA_HOME").map(PathBuf::from));
    roots.iter().map(|root| root.join("include")).filter(|folder| folder.exists()).collect()
}
