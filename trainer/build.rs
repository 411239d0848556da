//! Compiles the C++ shim against libtorch, our CUDA kernels where nvcc is, and tells the linker where libtorch is found at run time.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// Where scripts/setup.sh puts them; the wheels of torch lack them.
const GLOO_HEADERS: &str = "../.gloo/include";
/// One header of each package that libtorch's backend for NCCL includes.
const NCCL_NEEDS: [&str; 7] =
    ["nccl.h", "cuda_runtime_api.h", "crt/host_defines.h", "nv/target", "cublas_v2.h", "cusparse.h", "cusolverDn.h"];

/// What libtorch's own functions for CUDA need: a program that needed the shared one would have to find it on every machine.
const CUDA_RUNTIME: &str = "libcudart_static.a";

/// What cuDNN's graphs are built with: in the wheel of nvidia-cudnn-frontend. The headers of cuDNN itself come with torch.
const CUDNN_FRONTEND: &str = "cudnn_frontend.h";
const CUDNN: &str = "cudnn.h";

/// What our kernels are compiled for, as far as an nvcc can: what libtorch's own are, and V100s, which those for CUDA 12 know.
const ARCHITECTURES: [&str; 7] = ["70", "75", "80", "86", "90", "100", "120"];
/// What of them is for Hopper alone uses instructions that no later GPU has.
const HOPPER: &str = "90a";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    let libtorch =
        env::var_os("LIBTORCH").map(PathBuf::from).ok_or("LIBTORCH is not set: .cargo/config.toml names the folder of libtorch")?;
    let libtorch =
        fs::canonicalize(&libtorch).map_err(|error| format!("LIBTORCH={}: {error}; scripts/setup.sh installs it", libtorch.display()))?;

    let mut build = cc::Build::new();
    build.cpp(true).std("c++17");
    build.includes(["include", "include/torch/csrc/api/include"].map(|folder| libtorch.join(folder)));
    build.flag_if_supported("-Wno-unused-parameter").flag_if_supported("-Wno-unknown-pragmas").flag_if_supported("-Wno-subobject-linkage");
    // A backend whose headers are missing is left out, and says so when it is asked for.
    println!("cargo:rerun-if-changed={GLOO_HEADERS}");
    if Path::new(GLOO_HEADERS).join("gloo/algorithm.h").exists() {
        build.include(GLOO_HEADERS).define("USE_C10D_GLOO", None);
    } else {
        println!("cargo:warning=no headers of Gloo: built without training on several ranks; scripts/setup.sh run gets them");
    }
    let libraries = libtorch.join("lib");
    let has_cuda = libraries.join("libtorch_cuda.so").exists();
    let mut runtime = None;
    if has_cuda {
        let roots = cuda_roots(&libtorch);
        let folders: Vec<PathBuf> = roots.iter().map(|root| root.join("include")).filter(|folder| folder.exists()).collect();
        let find = |header: &&str| folders.iter().map(|folder| folder.join(header)).find(|path| path.exists());
        let found = roots.iter().find_map(|root| cuda_runtime(root));
        if let Some(missing) = NCCL_NEEDS.iter().find(|header| find(header).is_none()).or(found.is_none().then_some(&CUDA_RUNTIME)) {
            println!("cargo:rerun-if-changed={missing}");
            println!("cargo:warning=no {missing}: built without training on several GPUs; scripts/setup.sh run gets it, or set CUDA_HOME");
        } else {
            runtime = found;
            NCCL_NEEDS.iter().filter_map(find).for_each(|header| println!("cargo:rerun-if-changed={}", header.display()));
            build.includes(folders).define("USE_C10D_NCCL", None);
            build.flag_if_supported("-Wno-interference-size");
        }
    }
    if has_cuda {
        match cudnn_folders(&libtorch) {
            Some(folders) => {
                // As system headers: what they leave unused is not for us to be warned of.
                build.flags(folders.map(|folder| format!("-isystem{}", folder.display()))).define("DRBERT_CUDNN", None);
            }
            None => println!(
                "cargo:warning=no {CUDNN_FRONTEND}: built without cuDNN's attention, which is faster; scripts/setup.sh run gets it"
            ),
        }
    }
    let kernels = if has_cuda { Nvcc::find(&libtorch).and_then(|nvcc| nvcc.compile_kernels(&build)) } else { Err(String::new()) };
    match &kernels {
        Ok(kernels) => drop(build.objects(&kernels.objects).include(&kernels.include).define("DRBERT_CUDA_KERNELS", None)),
        Err(reason) if has_cuda => println!("cargo:warning={reason}: built without our kernels, which make training on GPUs faster"),
        Err(_) => {}
    }
    // The headers of libtorch take far longer than our own code: what needs them is one file to the compiler, which need not think long about it, as it
    // hands on calls. The emulated kernels, for which speed is all, come beside it.
    let mut emulated = build.clone();
    let (shim, emulated) = thread::scope(|scope| {
        let emulated = scope.spawn(move || emulated.file("csrc/kernels/emulated.cpp").try_compile_intermediates());
        let shim = build.clone().opt_level(1).file("csrc/all.cpp").try_compile_intermediates();
        (shim, emulated.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    build.objects(shim?).objects(emulated?);
    build.compile("drbert_shim");
    if let Some(folder) = kernels.map(|kernels| kernels.runtime).ok().or(runtime) {
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static=cudart_static");
        for library in ["dl", "rt", "pthread"] {
            println!("cargo:rustc-link-lib={library}");
        }
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-lc10_cuda");
    }

    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    // Nothing names a symbol of libtorch_cuda: without this the linker would drop it, and with it every CUDA kernel.
    if has_cuda {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch_cuda");
    }
    Ok(())
}

/// Where CUDA's and NCCL's parts may be: the wheels beside that of torch, and an installed CUDA.
fn cuda_roots(libtorch: &Path) -> Vec<PathBuf> {
    let wheels = libtorch.parent().map(|packages| packages.join("nvidia"));
    let wheels = wheels.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten().map(|wheel| wheel.path());
    let mut roots: Vec<PathBuf> = wheels.collect();
    roots.sort();
    roots.extend(env::var_os("CUDA_HOME").map(PathBuf::from));
    roots
}

/// Where a part of CUDA has its runtime.
fn cuda_runtime(root: &Path) -> Option<PathBuf> {
    ["lib64", "lib"].map(|folder| root.join(folder)).into_iter().find(|folder| folder.join(CUDA_RUNTIME).exists())
}

/// The folders of the headers for cuDNN's attention, if all are there.
fn cudnn_folders(libtorch: &Path) -> Option<[PathBuf; 2]> {
    let frontend = libtorch.parent()?.join("include");
    println!("cargo:rerun-if-changed={}", frontend.join(CUDNN_FRONTEND).display());
    let cudnn = cuda_roots(libtorch).into_iter().map(|root| root.join("include")).find(|folder| folder.join(CUDNN).exists())?;
    frontend.join(CUDNN_FRONTEND).exists().then_some([frontend, cudnn])
}

/// CUDA's compiler, and what belongs to its version.
struct Nvcc {
    program: PathBuf,
    include: PathBuf,
    /// Where its runtime is.
    runtime: PathBuf,
}

struct Kernels {
    objects: [PathBuf; 2],
    include: PathBuf,
    runtime: PathBuf,
}

impl Nvcc {
    /// The first one that is whole and of the CUDA that libtorch was built with; else why there is none.
    fn find(libtorch: &Path) -> Result<Self, String> {
        let mut reason = "no nvcc; scripts/setup.sh run gets it, or set CUDA_HOME".to_owned();
        for root in cuda_roots(libtorch) {
            let program = root.join("bin/nvcc");
            if !program.exists() {
                continue;
            }
            println!("cargo:rerun-if-changed={}", program.display());
            match Self::check(&root, program, &libtorch.join("lib/libc10_cuda.so")) {
                Ok(nvcc) => return Ok(nvcc),
                Err(why_not) => reason = why_not,
            }
        }
        // Where the wheel would put it.
        if let Some(wheels) = libtorch.parent().map(|packages| packages.join("nvidia")).filter(|folder| folder.exists()) {
            println!("cargo:rerun-if-changed={}", wheels.display());
        }
        Err(reason)
    }

    fn check(root: &Path, program: PathBuf, needs_runtime: &Path) -> Result<Self, String> {
        let name = program.display().to_string();
        let runtime = cuda_runtime(root);
        let include = root.join("include");
        let runtime = runtime.filter(|_| include.join("crt/host_defines.h").exists() && root.join("nvvm/bin/cicc").exists());
        let runtime = runtime.ok_or_else(|| format!("{name} lacks its headers, its runtime or its own compiler"))?;
        let version = output(&program, &["--version"])?;
        let own_major = version.split_once("release ").and_then(|(_, rest)| rest.split('.').next()).unwrap_or_default();
        let major = runtime_major(needs_runtime).ok_or_else(|| format!("{} names no CUDA runtime", needs_runtime.display()))?;
        if own_major != major {
            return Err(format!("{name} is of CUDA {own_major}, libtorch of CUDA {major}"));
        }
        Ok(Self { program, include, runtime })
    }

    /// Compiles the kernels, and those for Hopper; else what went wrong.
    fn compile_kernels(self, build: &cc::Build) -> Result<Kernels, String> {
        let known = output(&self.program, &["--list-gpu-code"])?;
        let architectures: Vec<&str> =
            ARCHITECTURES.into_iter().filter(|number| known.lines().any(|line| line.strip_prefix("sm_") == Some(*number))).collect();
        let machine_code = |number: &str| format!("-gencode=arch=compute_{number},code=sm_{number}");
        let mut targets: Vec<String> = architectures.iter().map(|number| machine_code(number)).collect();
        // The newest also as PTX, which the drivers of later GPUs compile.
        targets.extend(architectures.last().map(|number| format!("-gencode=arch=compute_{number},code=compute_{number}")));
        let objects = [self.compile("kernels", &targets, build)?, self.compile("hopper_attention", &[machine_code(HOPPER)], build)?];
        Ok(Kernels { objects, include: self.include, runtime: self.runtime })
    }

    /// An object of one file's kernels.
    fn compile(&self, name: &str, targets: &[String], build: &cc::Build) -> Result<PathBuf, String> {
        let object = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(name).with_extension("o");
        let source = format!("csrc/kernels/{name}.cu");
        let mut arguments = vec!["-c", &source, "-std=c++17", "-O3", "-Xcompiler", "-fPIC", "--threads=0", "-Xfatbin=-compress-all"];
        arguments.extend(targets.iter().map(String::as_str));
        let [compiler, place] = [format!("-ccbin={}", build.get_compiler().path().display()), object.display().to_string()];
        arguments.extend([compiler.as_str(), "-o", &place]);
        output(&self.program, &arguments)?;
        Ok(object)
    }
}

/// The major version of the CUDA runtime whose file name a library of libtorch holds.
fn runtime_major(library: &Path) -> Option<String> {
    const NAME: &[u8] = b"libcudart";
    const SUFFIX: &[u8] = b".so.";
    let bytes = fs::read(library).ok()?;
    let mut names = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).map(|(start, _)| &bytes[start..]);
    names.find_map(|name| {
        let name = &name[..name.iter().position(|byte| *byte == 0)?];
        let start = name.windows(SUFFIX.len()).position(|window| window == SUFFIX)? + SUFFIX.len();
        let digits = name[start..].iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte));
        Some(digits.collect::<String>()).filter(|digits| !digits.is_empty())
    })
}

/// What a program prints, after its warnings; else the first line of its complaint.
fn output(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let name = program.display();
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        for warning in complaints.lines().filter(|line| !line.trim().is_empty()) {
            println!("cargo:warning={name}: {warning}");
        }
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name} failed: {}", complaints.lines().next().unwrap_or_default()))
}
