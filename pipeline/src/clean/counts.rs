//! What cleaning did, counted.

use schemas::manifest::CleanTotals;

use super::privacy::Identity;

/// A kind of change that cleaning makes to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A byte that was not UTF-8 and is a letter or sign in windows-1252.
    Windows1252,
    /// A byte sequence that is no text.
    InvalidUtf8,
    /// A character that was UTF-8 read as windows-1252.
    Mojibake,
    /// A tag, entity or link of HTML or Markdown.
    Markup,
    /// A control or invisible format character, a private sign or U+FFFD that was removed.
    RemovedCharacter,
    /// A ligature, quotation mark, apostrophe or leader that has a plainer form.
    UnifiedCharacter,
    /// A document that was not in NFC.
    RenormalizedDocument,
    /// A word that was broken or letter-spaced.
    JoinedWord,
    /// A full stop that had no space after it.
    SpacedStop,
    /// A line of navigation, of a banner or of a page's head or foot, removed.
    PageLine,
    /// A line of JavaScript or CSS, removed.
    ScriptLine,
    /// A line that the document had before, removed.
    RepeatedLine,
    /// A paragraph in another language, removed.
    ForeignParagraph,
}

impl Change {
    pub const ALL: [Self; 13] = [
        Self::Windows1252,
        Self::InvalidUtf8,
        Self::Mojibake,
        Self::Markup,
        Self::RemovedCharacter,
        Self::UnifiedCharacter,
        Self::RenormalizedDocument,
        Self::JoinedWord,
        Self::SpacedStop,
        Self::PageLine,
        Self::ScriptLine,
        Self::RepeatedLine,
        Self::ForeignParagraph,
    ];

    /// The name in the manifest's counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows1252 => "windows_1252_bytes",
            Self::InvalidUtf8 => "invalid_utf8_sequences",
            Self::Mojibake => "mojibake",
            Self::Markup => "markup",
            Self::RemovedCharacter => "removed_characters",
            Self::UnifiedCharacter => "unified_characters",
            Self::RenormalizedDocument => "renormalized_documents",
            Self::JoinedWord => "joined_words",
            Self::SpacedStop => "spaced_stops",
            Self::PageLine => "page_lines",
            Self::ScriptLine => "script_lines",
            Self::RepeatedLine => "repeated_lines",
            Self::ForeignParagraph => "foreign_paragraphs",
        }
    }
}

/// Changes and hidden identities, by their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanCounts {
    changes: [u64; Change::ALL.len()],
    identities: [u64; Identity::ALL.len()],
}

impl CleanCounts {
    pub fn add(&mut self, change: Change, count: u64) {
        self.changes[change as usize] += count;
    }

    pub fn of(&self, change: Change) -> u64 {
        self.changes[change as usize]
    }

    /// Counts one identity that was hidden.
    pub fn hide(&mut self, kind: Identity) {
        self.identities[kind as usize] += 1;
    }

    pub fn hidden(&self, kind: Identity) -> u64 {
        self.identities[kind as usize]
    }

    /// Adds every kind to the counts under its name, those that are zero too.
    pub fn add_to(&self, totals: &mut CleanTotals) {
        for change in Change::ALL {
            *totals.changes.entry(change.name().to_owned()).or_default() += self.of(change);
        }
        for kind in Identity::ALL {
            *totals.identities.entry(kind.name().to_owned()).or_default() += self.hidden(kind);
        }
    }
}
