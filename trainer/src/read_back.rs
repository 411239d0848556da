//! A few numbers on their way from the device to the host, which goes on meanwhile.

use std::time::Instant;

use tch::{Kind, Tensor};

use crate::{error::Result, ffi::stream};

/// Numbers that the device will have computed when it comes to this place in its work. On the CPU it has come there at once.
#[derive(Debug)]
pub(crate) struct ReadBack {
    numbers: Tensor,
    arrival: Arrival,
}

#[derive(Debug)]
enum Arrival {
    Came(Instant),
    Expected(stream::Event),
}

impl ReadBack {
    /// Of a tensor of one dimension.
    pub(crate) fn start(numbers: &Tensor) -> Result<Self> {
        if !numbers.device().is_cuda() {
            return Ok(Self { numbers: numbers.f_detach_copy()?, arrival: Arrival::Came(Instant::now()) });
        }
        let (numbers, event) = stream::download(numbers)?;
        Ok(Self { numbers, arrival: Arrival::Expected(event) })
    }

    /// Whether the device has done all that it was given before.
    pub(crate) fn has_come(&self) -> Result<bool> {
        match &self.arrival {
            Arrival::Came(_) => Ok(true),
            Arrival::Expected(event) => event.has_come(),
        }
    }

    /// Waits for the numbers; tells also when they came, as far as the host can know.
    pub(crate) fn wait(self) -> Result<(Vec<f64>, Instant)> {
        let came = match self.arrival {
            Arrival::Came(at) => at,
            Arrival::Expected(event) => {
                event.wait()?;
                Instant::now()
            }
        };
        Ok((Vec::<f64>::try_from(self.numbers.f_to_kind(Kind::Double)?)?, came))
    }
}
