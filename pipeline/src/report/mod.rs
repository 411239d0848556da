//! `nachos report`: one page about a data set, to look at and to hand around. It has no scripts, needs no network, and holds no word of any document.

mod chart;
mod page;

use std::{collections::BTreeMap, path::Path};

use arrow::{array::AsArray, datatypes::UInt64Type};
use rustc_hash::FxHashMap;
use schemas::{DOCUMENTS_FILE, documents, manifest::Manifest};

use crate::{
    config::{Config, leaves},
    trace::{for_each_batch, named},
    verify::{VerifyError, read_manifest},
};

/// Clusters of copies that are named.
const LARGEST_CLUSTERS: usize = 10;

/// The page as HTML; the same for the same directory.
pub fn html(dir: &Path) -> Result<String, VerifyError> {
    let manifest = read_manifest(dir)?;
    let documents = DocumentStatistics::read(dir)?;
    let name = dir.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(page::render(&name.unwrap_or_default(), &manifest, &documents))
}

/// What only `documents.parquet` tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct DocumentStatistics {
    /// Kept documents by the power of two that their number of tokens reaches.
    lengths: BTreeMap<u32, u64>,
    /// Documents with the most copies: id and number of copies, the most first.
    clusters: Vec<(u64, u64)>,
    num_clusters: u64,
}

impl DocumentStatistics {
    fn read(dir: &Path) -> Result<Self, VerifyError> {
        let mut found = Self::default();
        let mut copies = FxHashMap::<u64, u64>::default();
        for_each_batch(&dir.join(DOCUMENTS_FILE), Some(&[documents::TOKENS, documents::DUPLICATE_OF]), &mut |batch, _| {
            for tokens in named(batch, documents::TOKENS).as_primitive::<UInt64Type>().iter().flatten() {
                if let Some(power) = tokens.checked_ilog2() {
                    *found.lengths.entry(power).or_default() += 1;
                }
            }
            for original in named(batch, documents::DUPLICATE_OF).as_primitive::<UInt64Type>().iter().flatten() {
                *copies.entry(original).or_default() += 1;
            }
        })?;
        found.num_clusters = copies.len() as u64;
        found.clusters = copies.into_iter().collect();
        found.clusters.sort_unstable_by_key(|&(id, count)| (std::cmp::Reverse(count), id));
        found.clusters.truncate(LARGEST_CLUSTERS);
        Ok(found)
    }
}

/// What a verdict means.
fn meaning(verdict: &str) -> &'static str {
    match verdict {
        "keep" => "in the shards",
        "duplicate" => "the text of an earlier document",
        "near_duplicate" => "nearly the text of an earlier document",
        "repeated_paragraphs" => "nothing left without paragraphs that many documents have",
        "sampled_out" => "left out by the weight of its source",
        "empty" => "nothing left after cleaning",
        "invalid_json" => "the line is not a JSON object",
        "missing_text" => "the text field is absent or not a string",
        "too_long" => "longer than a document may be",
        "too_short" => "hardly a word",
        "too_many_digits" => "mostly numbers",
        "too_many_symbols" => "mostly symbols",
        "code" => "program text",
        "long_words" => "strings that are no words",
        "placeholder_text" => "a typesetter's filling",
        "too_few_stop_words" => "not running text",
        "repetitive_lines" => "lines repeated",
        "repetitive_words" => "sequences of words repeated",
        "language_unknown" => "in no language that could be named",
        _ if verdict.starts_with("language_") => "in another language",
        _ => "",
    }
}

/// The settings that differ from the defaults, the sources aside: key, default, value.
fn changed_settings(manifest: &Manifest) -> Vec<(String, String, String)> {
    let defaults = serde_json::to_value(Config::default()).map(|config| leaves(&config)).unwrap_or_default();
    let changed = leaves(&manifest.config).into_iter().filter(|(key, value)| key != "sources" && defaults.get(key) != Some(value));
    changed
        .map(|(key, value)| {
            let default = defaults.get(&key).map_or("none", String::as_str).to_owned();
            (key, default, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use schemas::documents::{Language, Verdict};

    use super::*;

    #[test]
    fn every_verdict_has_a_meaning() {
        let english = Language::from_code("en").map(Verdict::Language);
        for verdict in Verdict::PLAIN.into_iter().chain(english) {
            assert!(!meaning(&verdict.name()).is_empty(), "{verdict:?}");
        }
    }
}
