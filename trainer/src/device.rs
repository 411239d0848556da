//! Where and in what precision the model computes, and how fast that place multiplies matrices.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device, Kind, Tensor};

use crate::{
    error::{Error, Result},
    ffi,
};

/// `auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    #[default]
    Auto,
    Cpu,
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(index))) => Ok(Self::Cuda(index)),
            _ => Err(format!("expected \"auto\", \"cpu\", \"cuda\" or \"cuda:N\", found {text:?}")),
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceChoice {
    /// The device; says so if there is no such one.
    pub fn resolve(self) -> Result<Device> {
        self.resolve_for(0)
    }

    /// The device of a rank, which becomes the current one of this thread: of several ranks on one machine each takes the CUDA device of its local rank, unless it sees but
    /// one.
    pub fn resolve_for(self, local_rank: usize) -> Result<Device> {
        let device = self.among(num_devices(), local_rank)?;
        if let Device::Cuda(index) = device {
            ffi::stream::use_device(index)?;
        }
        Ok(device)
    }

    /// Checks that so many ranks of this machine, which see the same devices, do not share one.
    pub fn check_ranks(self, num_ranks: usize) -> Result<()> {
        let num_devices = num_devices();
        if self == Self::Cpu || num_devices == 0 || num_ranks <= num_devices {
            return Ok(());
        }
        Err(Error::BadSetting {
            setting: "--nproc-per-node",
            found: num_ranks.to_string(),
            expected: format!("at most {num_devices}, the number of CUDA devices here, or train.device = \"cpu\""),
        })
    }

    fn among(self, num_devices: usize, local_rank: usize) -> Result<Device> {
        let index = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Auto if num_devices == 0 => return Ok(Device::Cpu),
            Self::Auto | Self::Cuda(0) if num_devices > 1 => local_rank,
            Self::Auto => 0,
            Self::Cuda(index) => index,
        };
        if index < num_devices {
            return Ok(Device::Cuda(index));
        }
        Err(Error::BadSetting {
            setting: "train.device",
            found: Self::Cuda(index).to_string(),
            expected: format!(
                "a device that libtorch sees: there are {num_devices} CUDA devices; use \"cpu\" or \"auto\", or check the driver"
            ),
        })
    }
}

/// CUDA devices that libtorch sees.
fn num_devices() -> usize {
    Cuda::device_count().max(0) as usize
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    Fp32,
    /// Weights and activations in bf16; masters, moments and summed gradients in fp32.
    Bf16,
    /// Weights and activations in fp16, with a scaled loss; the rest as for bf16. For devices without bf16, such as the V100.
    Fp16,
}

impl Precision {
    pub fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        })
    }
}

/// Sets libtorch up for this process: threads per operation (0 = its share of the processors, which `num_processes` share) and, if asked
/// for, reproducible kernels only.
pub fn set_up(num_threads: usize, num_processes: usize, deterministic: bool) -> Result<()> {
    ffi::set_up(deterministic)?;
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    tch::set_num_threads(if num_threads == 0 { (all / num_processes).max(1) } else { num_threads } as i32);
    Ok(())
}

/// The name that `train.device` has for a device.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => DeviceChoice::Cuda(index).to_string(),
        Device::Cpu | Device::Mps | Device::Vulkan => DeviceChoice::Cpu.to_string(),
    }
}

/// Waits until the device has done what it was given.
pub fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

/// The best rate (floating-point operations per second) of a large square matrix product on this device in this precision: what 100% MFU means.
pub fn measure_matmul_rate(device: Device, precision: Precision) -> Result<f64> {
    const MEASURED_FOR: Duration = Duration::from_millis(300);
    let size: i64 = if device.is_cuda() { 8_192 } else { 1_024 };
    let matrix = Tensor::f_randn([size, size], (precision.kind(), device))?;
    let mut fastest = Duration::MAX;
    let started = Instant::now();
    while started.elapsed() < MEASURED_FOR {
        let begun = Instant::now();
        let _product = matrix.f_matmul(&matrix)?;
        synchronize(device);
        fastest = fastest.min(begun.elapsed());
    }
    Ok(2.0 * (size as f64).powi(3) / fastest.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_takes_the_device_of_its_number_unless_it_sees_but_one() {
        let check = |choice: &str, num_devices, local_rank, expected: Option<Device>| {
            let choice: DeviceChoice = choice.parse().expect("a device");
            assert_eq!(choice.among(num_devices, local_rank).ok(), expected, "{choice} {num_devices} {local_rank}");
        };
        for num_devices in [0, 1, 2, 8] {
            check("cpu", num_devices, 1, Some(Device::Cpu));
            check("auto", num_devices, 0, Some(if num_devices == 0 { Device::Cpu } else { Device::Cuda(0) }));
            check("cuda", num_devices, 0, (num_devices > 0).then_some(Device::Cuda(0)));
            check("cuda:1", num_devices, 0, (num_devices > 1).then_some(Device::Cuda(1)));
        }
        for choice in ["auto", "cuda", "cuda:0"] {
            check(choice, 1, 1, Some(Device::Cuda(0)));
            check(choice, 2, 1, Some(Device::Cuda(1)));
            check(choice, 8, 7, Some(Device::Cuda(7)));
            check(choice, 2, 2, None);
        }
    }
}
