//! 128-bit content hashes (XXH3-128, seed 0), written as 32 hexadecimal digits, most significant first.

use std::{fmt, io};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The XXH3-128 hash of some bytes. Serialised as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{32}$"))]
pub struct ContentHash(pub u128);

impl ContentHash {
    /// Hexadecimal digits of its text form.
    pub const DIGITS: usize = 32;

    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes))
    }

    /// The 16 bytes of `documents.parquet`'s `hash` column: big-endian, so that they read like the hexadecimal form.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match u128::from_str_radix(&text, 16) {
            Ok(value) if well_formed => Ok(Self(value)),
            _ => Err(format!("expected a hash of 32 lower-case hexadecimal digits, found {text:?}")),
        }
    }
}

/// Hashes a stream of bytes piece by piece, also as the end of an [`io::copy`]; the result equals [`ContentHash::of`] on the whole.
#[derive(Default)]
pub struct StreamingHash(Box<xxhash_rust::xxh3::Xxh3>);

impl StreamingHash {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> ContentHash {
        ContentHash(self.0.digest128())
    }
}

impl io::Write for StreamingHash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_agree_with_the_reference_vector_and_with_streaming() {
        // XXH3-128 of the empty input, seed 0, from the xxHash specification.
        assert_eq!(ContentHash::of(b"").to_string(), "99aa06d3014798d86001c324468d497f");
        let mut streaming = StreamingHash::default();
        streaming.update(b"angine de ");
        streaming.update(b"poitrine");
        assert_eq!(streaming.finish(), ContentHash::of(b"angine de poitrine"));
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let text = ContentHash::of(b"x").to_string();
        assert_eq!(ContentHash::try_from(text.clone()), Ok(ContentHash::of(b"x")));
        for malformed in [text.to_uppercase(), format!("+{}", &text[1..]), String::new()] {
            assert_eq!(ContentHash::try_from(malformed.clone()).ok(), None, "{malformed}");
        }
    }
}
