//! The words of a text as hashes: runs of letters and digits, without case.

/// What a byte of UTF-8 means for words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Word,
    /// White space, ASCII punctuation, and the first byte of a character that is no letter.
    Separator,
    /// The first byte of À to ÿ: its letters differ in one bit by case.
    LatinLead,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        let this = byte as u8;
        classes[byte] = match this {
            // U+0080 to U+00BF: signs and superscripts; U+2000 to U+2FFF: punctuation, symbols.
            0xC2 | 0xE2 => Class::Separator,
            0xC3 => Class::LatinLead,
            _ if this.is_ascii_alphanumeric() || this >= 0x80 => Class::Word,
            _ => Class::Separator,
        };
        byte += 1;
    }
    classes
};

/// Calls `visit` with the hash of every word, in order.
pub(super) fn for_each_word(text: &[u8], mut visit: impl FnMut(u64)) {
    const SEED: u64 = 0xCBF2_9CE4_8422_2325;
    let mut hash = SEED;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        match CLASSES[usize::from(byte)] {
            Class::Word => {
                // Lower case for ASCII letters; digits and the bytes of other letters have this bit already, or are told apart by the others.
                hash = step(hash, byte | 0x20);
                at += 1;
            }
            Class::LatinLead => {
                hash = step(hash, byte);
                hash = step(hash, text.get(at + 1).map_or(0, |next| next | 0x20));
                at += 2;
            }
            Class::Separator => {
                if hash != SEED {
                    visit(hash);
                    hash = SEED;
                }
                at += match byte {
                    0xC2 => 2,
                    0xE2 => 3,
                    _ => 1,
                };
            }
        }
    }
    if hash != SEED {
        visit(hash);
    }
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash.rotate_left(9) ^ u64::from(byte)).wrapping_mul(0x517C_C1B7_2722_0A95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<u64> {
        let mut found = Vec::new();
        for_each_word(text.as_bytes(), |word| found.push(word));
        found
    }

    #[test]
    fn case_and_punctuation_do_not_matter() {
        assert_eq!(words("« L'Œdème » – 5 µg/L, ÉLEVÉ…"), words("l Œdème 5 g l élevé"));
        assert_eq!(words("Bronchite,toux").len(), 2);
        assert!(words(" ,;\n").is_empty());
        assert_ne!(words("toux"), words("tous"));
    }
}
