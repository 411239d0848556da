//! Any text through the whole cleaner: the result is regular, in NFC, and cleaning it again changes nothing.
#![no_main]

use std::cell::RefCell;

use icu_normalizer::ComposingNormalizer;
use libfuzzer_sys::fuzz_target;
use pipeline::{
    clean::{CleanCounts, Cleaner},
    config::{CleanConfig, PrivacyLevel},
};

thread_local! {
    /// As a build has it, and with nothing that drops documents but all that changes them.
    static CLEANERS: RefCell<[Cleaner; 2]> = RefCell::new([Cleaner::new(&CleanConfig::default()), Cleaner::new(&changing())]);
}

fn changing() -> CleanConfig {
    let mut config = CleanConfig::default();
    config.language = "any".into();
    config.quality.enabled = false;
    config.privacy.level = PrivacyLevel::Strict;
    config
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    CLEANERS.with_borrow_mut(|[usual, changing]| {
        let mut counts = CleanCounts::default();
        usual.clean_into(&text, &mut String::new(), &mut counts);
        let (mut once, mut twice) = (String::new(), String::new());
        changing.clean_into(&text, &mut once, &mut counts);
        changing.clean_into(&once, &mut twice, &mut counts);
        assert_eq!(once, twice);
        assert_eq!(once.trim(), once);
        assert!(ComposingNormalizer::new_nfc().is_normalized(&once));
    });
});
