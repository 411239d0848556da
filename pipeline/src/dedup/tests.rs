use proptest::prelude::*;
use schemas::hash::ContentHash;

use super::*;
use crate::letters::{mix, shingles};

fn config(threshold: f64) -> DedupConfig {
    let mut config = DedupConfig::default();
    config.near.threshold = threshold;
    config.paragraphs.max_copies = 2;
    config.paragraphs.min_bytes = 30;
    config
}

/// Judges every text in turn.
fn judge(config: &DedupConfig, texts: &[&str]) -> Vec<Judgement> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut deduplicator = Deduplicator::create(config, scratch.path()).expect("created");
    let mut features = FeatureExtractor::new(config);
    texts.iter().zip(10..).map(|(text, id)| judge_next(&mut deduplicator, &mut features, id, text)).collect()
}

fn judge_next(deduplicator: &mut Deduplicator, extractor: &mut FeatureExtractor, id: u64, text: &str) -> Judgement {
    // What is known of other documents lies before this one's.
    let mut lists = Lists::default();
    extractor.extract("Une autre toux, et une fièvre.", ContentHash::of(b""), &[1, 2, 3], &mut lists);
    let features = extractor.extract(text, ContentHash::of(text.as_bytes()), &shingles(text), &mut lists);
    deduplicator.judge(id, features, &lists).expect("judged")
}

fn kept() -> Judgement {
    Judgement::Keep { dropped_paragraphs: Vec::new() }
}

/// Numbered words that no other seed has.
fn words(seed: usize, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{}", mix((seed * 100_000 + number) as u64) % 100_000_000)).collect()
}

#[test]
fn the_first_copy_wins_and_the_others_name_it() {
    let found = judge(&config(0.8), &["Toux grasse.", "Fièvre.", "Toux\ngrasse.", "Toux grasse."]);
    assert_eq!(found, [kept(), kept(), Judgement::Duplicate(10), Judgement::Duplicate(10)]);
}

#[test]
fn a_few_changed_words_make_a_near_duplicate_of_what_was_kept_and_many_do_not() {
    let original = words(1, 300);
    let with_changes = |count: usize| {
        let mut copy = original.clone();
        (0..count).for_each(|number| copy[number * 300 / count] = format!("x{number}"));
        copy.join(" ")
    };
    let (slightly, strongly) = (with_changes(4), with_changes(30));
    let found = judge(&config(0.8), &[&original.join(" "), &slightly, &strongly, &slightly]);
    assert_eq!(found, [kept(), Judgement::NearDuplicate(10), kept(), Judgement::NearDuplicate(10)]);
    let mut off = config(0.8);
    off.near.enabled = false;
    assert_eq!(judge(&off, &[&original.join(" "), &slightly, &slightly])[1..], [kept(), Judgement::Duplicate(11)]);
}

#[test]
fn copies_of_a_paragraph_beyond_the_limit_are_left_out_and_white_space_stays_regular() {
    let notice = "Ce médicament est soumis à prescription.";
    let documents: Vec<String> = ["Un.", "Deux.", "Trois.", "Quatre."].map(|own| format!("{own}\n\n{notice}")).to_vec();
    let mut texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let between = format!("Avant.\n{notice}\n\n{notice}\nAprès.");
    let first = format!("{notice}\nAprès cela.");
    texts.extend([&*between, &*first, notice]);
    let found = judge(&config(0.95), &texts);
    let left = |judgement: &Judgement, text: &str| match judgement {
        Judgement::Keep { dropped_paragraphs } => {
            let mut text = text.to_owned();
            dropped_paragraphs.iter().rev().for_each(|range| text.replace_range(range.clone(), ""));
            text
        }
        Judgement::Duplicate(_) | Judgement::NearDuplicate(_) | Judgement::RepeatedParagraphs => format!("{judgement:?}"),
    };
    let left: Vec<_> = found.iter().zip(&texts).map(|(judgement, text)| left(judgement, text)).collect();
    assert_eq!(left[..2], documents[..2]);
    assert_eq!(left[2..], ["Trois.", "Quatre.", "Avant.\nAprès.", "Après cela.", "RepeatedParagraphs"]);
}

#[test]
fn planted_edits_are_found_by_their_true_similarity() {
    let true_similarity = |left: &[String], right: &[String]| {
        let shingles = |words: &[String]| words.windows(5).map(<[String]>::concat).collect::<std::collections::BTreeSet<_>>();
        let (left, right) = (shingles(left), shingles(right));
        left.intersection(&right).count() as f64 / left.union(&right).count() as f64
    };
    let (mut above, mut found_above, mut dropped_below) = (0, 0, 0);
    let mut seed = 0;
    for length in [30, 60, 120, 400, 3000] {
        for share in [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2] {
            for trial in 0..12 {
                seed += 1;
                let original = words(seed, length);
                let mut copy = original.clone();
                for number in 0..((length as f64 * share).ceil() as usize) {
                    let at = (mix((seed * 1000 + number + trial) as u64) % copy.len() as u64) as usize;
                    match number % 3 {
                        0 => copy[at] = format!("x{seed}x{number}"),
                        1 => drop(copy.remove(at)),
                        _ => copy.insert(at, format!("y{seed}y{number}")),
                    }
                }
                let similarity = true_similarity(&original, &copy);
                let is_found = judge(&config(0.8), &[&original.join(" "), &copy.join(" ")])[1] != kept();
                above += usize::from(similarity >= 0.85);
                found_above += usize::from(similarity >= 0.85 && is_found);
                dropped_below += usize::from(similarity < 0.6 && is_found);
            }
        }
    }
    assert!(above > 100 && found_above as f64 >= 0.98 * f64::from(above as u32), "{found_above} of {above}");
    assert_eq!(dropped_below, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_stream_that_is_interrupted_and_has_no_memory_goes_on_as_if_it_had_not_been(
        numbers in proptest::collection::vec((0..12_usize, 0..3_usize), 1..60),
        stop in 0..60_usize,
        garbage in proptest::collection::vec(any::<u8>(), 0..40),
        memory in (0..2_usize).prop_map(|choice| choice * 600_000),
    ) {
        let texts: Vec<String> = numbers
            .iter()
            .map(|&(seed, change)| {
                let mut text = words(seed, 60);
                text[30] = format!("change{change}");
                format!("{}\nParagraphe commun numéro {} de la notice.", text.join(" "), seed % 3)
            })
            .collect();
        let config = config(0.8);
        let expected = judge(&config, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let mut features = FeatureExtractor::new(&config);
        let mut first = Deduplicator::create(&config, scratch.path()).expect("created");
        first.tables.max_bytes = memory;
        let mut mark = Mark::default();
        let stop = stop.min(texts.len());
        for (index, text) in texts.iter().enumerate() {
            if index == stop {
                mark = first.mark().expect("written");
            }
            judge_next(&mut first, &mut features, index as u64 + 10, text);
        }
        if stop == texts.len() {
            mark = first.mark().expect("written");
        }
        first.mark().expect("written");
        drop(first);
        let path = scratch.path().join("kept-2.log");
        let mut bytes = fs::read(&path).expect("the log");
        bytes.extend(&garbage);
        fs::write(&path, bytes).expect("written");
        let mut second = Deduplicator::resume(&config, scratch.path(), &mark).expect("resumed");
        second.tables.max_bytes = memory;
        for (index, text) in texts.iter().enumerate().skip(stop) {
            prop_assert_eq!(&judge_next(&mut second, &mut features, index as u64 + 10, text), &expected[index]);
        }
    }
}

#[test]
fn a_log_that_is_damaged_or_too_short_is_refused() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut deduplicator = Deduplicator::create(&config(0.8), scratch.path()).expect("created");
    judge_next(&mut deduplicator, &mut FeatureExtractor::new(&config(0.8)), 0, "Une toux grasse depuis trois jours.");
    let mark = deduplicator.mark().expect("written");
    let path = scratch.path().join("kept-2.log");
    let bytes = fs::read(&path).expect("the log");
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&path, damaged).expect("written");
        assert!(Deduplicator::resume(&config(0.8), scratch.path(), &mark).is_err(), "byte {at}");
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).expect("written");
    assert!(Deduplicator::resume(&config(0.8), scratch.path(), &mark).is_err());
}
