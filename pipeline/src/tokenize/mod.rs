//! Placeholder until the tokenizer branch lands.
use schemas::{hash::ContentHash, manifest::SpecialTokens};
use std::{path::Path, sync::Arc};
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub enum TokenizeError {}
#[derive(Clone)]
pub struct Encoder(Arc<tokenizers::Tokenizer>, SpecialTokens, ContentHash);
impl Encoder {
    pub fn from_dir(dir: &Path) -> Result<Self, TokenizeError> {
        let t = tokenizers::Tokenizer::from_file(dir.join("tokenizer.json")).expect("tok");
        let id = |s: &str| t.token_to_id(s).expect("id");
        let special = SpecialTokens {
            bos: id("<s>"),
            eos: id("</s>"),
            pad: id("<pad>"),
            unk: id("<unk>"),
            mask: id("<mask>"),
            all: vec![0, 1, 2, 3, 4, 5, 6, id("<mask>")],
        };
        let hash = ContentHash::of(&std::fs::read(dir.join("tokenizer.json")).expect("read"));
        Ok(Self(Arc::new(t), special, hash))
    }
    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.1
    }
    pub fn hash(&self) -> ContentHash {
        self.2
    }
    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }
    pub fn encode_into(&mut self, text: &str, ids: &mut Vec<u32>) {
        ids.extend(self.0.encode_fast(text, false).expect("enc").get_ids())
    }
    pub fn decode(&self, ids: &[u32]) -> String {
        self.0.decode(ids, true).expect("dec")
    }
}
#[derive(Default)]
pub struct WordCounts(u8);
impl WordCounts {
    pub fn add(&mut self, _: &str) {}
    pub fn merge(&mut self, _: Self) {}
}
pub enum Algorithm {
    Bpe,
    Unigram,
}
pub struct TrainedTokenizer;
impl TrainedTokenizer {
    pub fn train(_: Algorithm, _: usize, _: &WordCounts) -> Result<Self, TokenizeError> {
        Ok(Self)
    }
    pub fn save(&self, _: &Path) -> Result<(), TokenizeError> {
        Ok(())
    }
    pub fn len(&self) -> usize {
        0
    }
}
