//! The words of a text as hashes: runs of letters and digits, without case.

use crate::letters::{WINDOW, for_each_run_of_letters_and_digits, window};

/// The bit in which the letters of ASCII, and those from À to ÿ, differ by case; digits and the bytes of other letters have it already, or are told apart by
/// their other bits.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Calls `visit` with the hash of every word, in order.
pub(super) fn for_each_word(text: &[u8], mut visit: impl FnMut(u64)) {
    for_each_run_of_letters_and_digits(text, |start, end| visit(hash(text, start, end)));
}

fn hash(text: &[u8], start: usize, end: usize) -> u64 {
    let parts = (start..end).step_by(WINDOW).map(|at| window(text, at, end - at) | CASE);
    parts.fold((end - start) as u64, |hash, part| (hash.rotate_left(25) ^ part).wrapping_mul(0x517C_C1B7_2722_0A95))
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
