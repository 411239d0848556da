//! safetensors files: named tensors in, named tensors out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use super::{
    config::EncoderConfig,
    parameters::{from_hugging_face, parameter_specs},
};
use crate::error::{AtPath, Error, Result};

/// The weights' file in a model directory or a checkpoint.
pub const MODEL_FILE: &str = "model.safetensors";

const FLOATS: [(Dtype, Kind); 4] =
    [(Dtype::F64, Kind::Double), (Dtype::F32, Kind::Float), (Dtype::F16, Kind::Half), (Dtype::BF16, Kind::BFloat16)];
const INTEGERS: [Dtype; 9] = [Dtype::BOOL, Dtype::U8, Dtype::I8, Dtype::U16, Dtype::I16, Dtype::U32, Dtype::I32, Dtype::U64, Dtype::I64];

/// Writes fp32 tensors in the given order. The metadata is what transformers asks for.
pub fn write_safetensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let views: Vec<(&str, HostTensor)> =
        tensors.iter().map(|(name, tensor)| Ok((name.as_str(), HostTensor::new(tensor)?))).collect::<Result<_>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    match safetensors::serialize_to_file(views, Some(metadata), path) {
        Err(SafeTensorError::IoError(error)) => Err(error).at_path(path),
        written => written.at_path(path),
    }
}

/// Reads the parameters of a model, in the order of [`parameter_specs`], from the tensors of a file whose names are
/// `prefix` and then Hugging Face's.
pub fn read_parameters(path: &Path, config: &EncoderConfig, prefix: &str) -> Result<Vec<Tensor>> {
    from_hugging_face(&parameter_specs(config), read_safetensors(path, prefix)?).map_err(|mismatch| Error::BadFile {
        path: path.to_owned(),
        expected: "the tensors of the model".into(),
        found: mismatch.to_string(),
        remedy: "check that the file belongs to this model configuration",
    })
}

/// The floating-point tensors whose names start with `prefix`, which is cut off, as fp32 in host memory. Integers are no parameters.
pub(crate) fn read_safetensors(path: &Path, prefix: &str) -> Result<BTreeMap<String, Tensor>> {
    let bytes = fs::read(path).at_path(path)?;
    let file = SafeTensors::deserialize(&bytes).at_path(path)?;
    let mut named = BTreeMap::new();
    for (full_name, view) in file.tensors() {
        let Some(name) = full_name.strip_prefix(prefix) else { continue };
        if INTEGERS.contains(&view.dtype()) {
            continue;
        }
        let Some((_, kind)) = FLOATS.into_iter().find(|(dtype, _)| *dtype == view.dtype()) else {
            let (expected, found) = (format!("floats of 16, 32 or 64 bits in {full_name}"), view.dtype().to_string());
            return Err(Error::BadFile { path: path.to_owned(), expected, found, remedy: "convert the file to float32" });
        };
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        named.insert(name.to_owned(), fp32(&Tensor::f_from_data_size(view.data(), &shape, kind)?)?);
    }
    Ok(named)
}

/// Of any floating-point tensor; the same memory if it is one of fp32 already.
pub(crate) fn fp32(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_to_kind(Kind::Float)?.f_contiguous()?)
}

/// A contiguous fp32 tensor in host memory.
struct HostTensor {
    tensor: Tensor,
    shape: Vec<usize>,
}

impl HostTensor {
    fn new(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        Ok(Self { tensor, shape })
    }
}

impl View for HostTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0; self.data_len()];
        self.tensor.copy_data_u8(&mut bytes, self.tensor.numel());
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * size_of::<f32>()
    }
}
