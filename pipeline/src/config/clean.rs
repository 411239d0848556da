//! `[clean]`: what is mended, what is dropped, what is hidden.

use serde::{Deserialize, Serialize};

use crate::clean::Identity;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleanConfig {
    /// The language to keep, by its ISO 639-1 code, or `any`.
    pub language: String,
    /// Repair UTF-8 that was read as windows-1252.
    pub mojibake: bool,
    /// Remove HTML and the links of Markdown.
    pub markup: bool,
    /// Join broken words, and remove lines of navigation, scripts and repetitions.
    pub structure: bool,
    pub quality: QualityConfig,
    pub privacy: PrivacyConfig,
}

/// Rules that drop documents which are not prose; see `clean::quality`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    pub enabled: bool,
    /// `too_short`: fewer letters.
    pub min_letters: usize,
    /// `too_many_digits`: a greater share of the characters. This and what follows only from 20 words on; 1 switches the rule off.
    pub max_digit_share: f64,
    /// `too_many_symbols`: a greater share of characters that are no letters, digits, spaces or punctuation.
    pub max_symbol_share: f64,
    /// `code`: more braces a word.
    pub max_brace_share: f64,
    /// `long_words`: more letters a word on average.
    pub max_mean_word_length: f64,
    /// `long_words`, in a text of fewer than 20 words: a longer word.
    pub max_word_length: usize,
    /// `too_few_stop_words`, in French: a smaller share of the words of a text with at least `stop_words_from_words`.
    pub min_stop_word_share: f64,
    pub stop_words_from_words: usize,
    /// `repetitive_lines`: a greater share of the bytes in lines that stood before.
    pub max_repeated_line_share: f64,
    /// `repetitive_words`: a greater share of the words in sequences of eight that stood before.
    pub max_repeated_word_share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    pub level: PrivacyLevel,
    pub action: PrivacyAction,
    /// Kinds that are left alone, for example `["ip"]`.
    pub except: Vec<Identity>,
}

/// What becomes of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyAction {
    /// A typed placeholder like `[EMAIL]` stands in its place.
    Replace,
    Remove,
}

/// Which identities are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyLevel {
    Off,
    /// Numbers and addresses that have a form of their own or stand after a word that announces them.
    Standard,
    /// Names of persons after a title as well.
    Strict,
}

impl Default for CleanConfig {
    fn default() -> Self {
        Self {
            language: "fr".into(),
            mojibake: true,
            markup: true,
            structure: true,
            quality: QualityConfig::default(),
            privacy: PrivacyConfig::default(),
        }
    }
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            min_letters: 3,
            max_digit_share: 0.4,
            max_symbol_share: 0.15,
            max_brace_share: 0.1,
            max_mean_word_length: 12.0,
            max_word_length: 80,
            min_stop_word_share: 0.04,
            stop_words_from_words: 60,
            max_repeated_line_share: 0.5,
            max_repeated_word_share: 0.6,
        }
    }
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self { level: PrivacyLevel::Standard, action: PrivacyAction::Replace, except: Vec::new() }
    }
}
