//! The kinds of identities.

use serde::{Deserialize, Serialize};

/// A kind of identity. Where two kinds overlap, the one that stands first here wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// An internet address with a password, a token or a session in it.
    Url,
    Email,
    Iban,
    /// The French social-security number.
    Nir,
    CarteBancaire,
    /// The national number of a health professional.
    Rpps,
    Adeli,
    /// The national number of a health establishment.
    Finess,
    /// A hospital's number for a patient.
    Ipp,
    /// A hospital's number for a stay or a file.
    Nda,
    DateNaissance,
    Adresse,
    Telephone,
    Ip,
    /// A person's name after a title; only at the level `strict`.
    Nom,
}

impl Identity {
    pub const ALL: [Self; 15] = [
        Self::Url,
        Self::Email,
        Self::Iban,
        Self::Nir,
        Self::CarteBancaire,
        Self::Rpps,
        Self::Adeli,
        Self::Finess,
        Self::Ipp,
        Self::Nda,
        Self::DateNaissance,
        Self::Adresse,
        Self::Telephone,
        Self::Ip,
        Self::Nom,
    ];

    /// The name in the settings and in the manifest's counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::Nir => "nir",
            Self::CarteBancaire => "carte_bancaire",
            Self::Rpps => "rpps",
            Self::Adeli => "adeli",
            Self::Finess => "finess",
            Self::Ipp => "ipp",
            Self::Nda => "nda",
            Self::DateNaissance => "date_naissance",
            Self::Adresse => "adresse",
            Self::Telephone => "telephone",
            Self::Ip => "ip",
            Self::Nom => "nom",
        }
    }

    /// What stands in its place.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Url => "[URL]",
            Self::Email => "[EMAIL]",
            Self::Iban => "[IBAN]",
            Self::Nir => "[NIR]",
            Self::CarteBancaire => "[CARTE_BANCAIRE]",
            Self::Rpps => "[RPPS]",
            Self::Adeli => "[ADELI]",
            Self::Finess => "[FINESS]",
            Self::Ipp => "[IPP]",
            Self::Nda => "[NDA]",
            Self::DateNaissance => "[DATE_NAISSANCE]",
            Self::Adresse => "[ADRESSE]",
            Self::Telephone => "[TELEPHONE]",
            Self::Ip => "[IP]",
            Self::Nom => "[NOM]",
        }
    }
}
