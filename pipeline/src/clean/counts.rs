//! What cleaning did, counted.

use schemas::manifest::CleanTotals;

use super::privacy::Identity;

/// A kind of change that cleaning makes to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A byte sequence that was not UTF-8.
    InvalidUtf8,
    /// A control or invisible format character that was removed.
    RemovedCharacter,
    /// A document that was not in NFC.
    RenormalizedDocument,
    /// A paragraph in another language, removed.
    ForeignParagraph,
}

impl Change {
    pub const ALL: [Self; 4] = [Self::InvalidUtf8, Self::RemovedCharacter, Self::RenormalizedDocument, Self::ForeignParagraph];

    /// The name in the manifest's counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8_sequences",
            Self::RemovedCharacter => "removed_characters",
            Self::RenormalizedDocument => "renormalized_documents",
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
