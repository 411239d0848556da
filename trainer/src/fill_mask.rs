//! The most probable pieces for every mask of a text: `<mask>`, or however the model's tokenizer writes it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

use crate::{
    device::{self, DeviceChoice},
    error::{Error, Result},
    model::{
        attention::Segments,
        masked_lm::{MaskedLm, Mode},
        pretrained::load_model,
    },
    tokenizer,
};

/// What `drbert fill-mask` is asked.
#[derive(Clone, Debug)]
pub struct FillMaskOptions {
    pub model: PathBuf,
    pub texts: Vec<String>,
    pub top_k: usize,
    pub device: DeviceChoice,
}

/// A text and what fits its masks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledText {
    pub text: String,
    /// One list per mask, in the order of the text; the best prediction first.
    pub masks: Vec<Vec<Prediction>>,
}

/// A candidate for one mask, with the names of transformers' `pipeline("fill-mask")`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Probability.
    pub score: f64,
    pub token: u32,
    pub token_str: String,
    /// The text with this mask filled, without special tokens.
    pub sequence: String,
}

/// Fills the masks of every text.
pub fn run(options: &FillMaskOptions) -> Result<Vec<FilledText>> {
    device::set_up(0, 1, false)?;
    let filler = MaskFiller::load(&options.model, options.top_k, options.device)?;
    options.texts.iter().map(|text| filler.fill(text)).collect()
}

struct MaskFiller {
    model: MaskedLm,
    tokenizer: Tokenizer,
    /// As it is written in a text.
    mask: String,
    mask_id: u32,
    top_k: usize,
    device: tch::Device,
}

impl MaskFiller {
    fn load(directory: &Path, top_k: usize, device: DeviceChoice) -> Result<Self> {
        let device = device.resolve()?;
        let model = load_model(directory, device)?;
        let tokenizer = tokenizer::load(directory)?;
        let mask = tokenizer::mask_token(directory)?;
        let mask_id =
            tokenizer.token_to_id(&mask).ok_or_else(|| Error::Tokenizer(format!("{}: there is no {mask} token", directory.display())))?;
        let vocab_size = model.config().vocab_size as usize;
        if top_k == 0 || top_k > vocab_size {
            let expected = format!("from 1 to the vocabulary's size, {vocab_size}");
            return Err(Error::BadSetting { setting: "--top-k", found: top_k.to_string(), expected });
        }
        Ok(Self { model, tokenizer, mask, mask_id, top_k, device })
    }

    fn fill(&self, text: &str) -> Result<FilledText> {
        let bad = |expected: String, found: String| Error::BadText { text: text.to_owned(), expected, found };
        let tokenizer_error = |error: tokenizers::Error| Error::Tokenizer(error.to_string());
        let ids = self.tokenizer.encode(text, true).map_err(tokenizer_error)?.get_ids().to_vec();
        let masks: Vec<usize> = (0..ids.len()).filter(|&position| ids[position] == self.mask_id).collect();
        if masks.is_empty() {
            return Err(bad(format!("at least one {}", self.mask), "none".into()));
        }
        let longest = self.model.config().max_segment_length();
        if ids.len() as i64 > longest {
            return Err(bad(format!("at most {longest} tokens"), ids.len().to_string()));
        }

        let probabilities = self.probabilities(&ids, &masks)?;
        let (scores, tokens) = probabilities.f_topk(self.top_k as i64, -1, true, true)?;
        let predict = |mask: usize, rank: usize| -> Result<Prediction> {
            let at = [mask as i64, rank as i64];
            let token = tokens.f_int64_value(&at)? as u32;
            let mut filled = ids.clone();
            filled[masks[mask]] = token;
            Ok(Prediction {
                score: scores.f_double_value(&at)?,
                token,
                token_str: self.tokenizer.decode(&[token], false).map_err(tokenizer_error)?,
                sequence: self.tokenizer.decode(&filled, true).map_err(tokenizer_error)?,
            })
        };
        let masks = (0..masks.len()).map(|mask| (0..self.top_k).map(|rank| predict(mask, rank)).collect()).collect::<Result<_>>()?;
        Ok(FilledText { text: text.to_owned(), masks })
    }

    /// [masks, vocabulary], on the host.
    fn probabilities(&self, ids: &[u32], masks: &[usize]) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        let length = ids.len() as i64;
        let tensor = |values: Vec<i32>| Ok::<_, Error>(Tensor::f_from_slice(&values)?.f_to_device(self.device)?);
        let input_ids = tensor(ids.iter().map(|&id| id as i32).collect())?;
        let positions = tensor((0..ids.len() as i32).collect())?;
        let masked_positions = tensor(masks.iter().map(|&position| position as i32).collect())?;
        let segments = Segments {
            lengths: &[length],
            longest: length,
            boundaries: &tensor(vec![0, length as i32])?,
            chosen_boundaries: &tensor(vec![0, masks.len() as i32])?,
            longest_chosen: masks.len() as i64,
        };
        let logits = self.model.logits(&input_ids, &positions, segments, &masked_positions, Mode::Evaluate)?;
        Ok(logits.f_softmax(-1, Kind::Float)?.f_to_device(tch::Device::Cpu)?)
    }
}
