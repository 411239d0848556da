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
        Self { enabled: true }
    }
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self { level: PrivacyLevel::Standard, action: PrivacyAction::Replace, except: Vec::new() }
    }
}
