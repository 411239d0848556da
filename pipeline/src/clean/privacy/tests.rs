use std::{cell::RefCell, collections::BTreeMap};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::clean::labelled_set;

fn redact(level: PrivacyLevel, text: &str) -> String {
    thread_local! {
        static FILTERS: RefCell<BTreeMap<u8, PrivacyFilter>> = const { RefCell::new(BTreeMap::new()) };
    }
    let mut out = format!("avant\n{text}");
    FILTERS.with_borrow_mut(|filters| {
        let new = || PrivacyFilter::new(&PrivacyConfig { level, ..PrivacyConfig::default() });
        filters.entry(level as u8).or_insert_with(new).redact(&mut out, 6, &mut CleanCounts::default());
    });
    assert!(out.starts_with("avant\n"));
    out.split_off(6)
}

#[derive(Deserialize)]
struct Case {
    text: String,
    expected: String,
    kind: String,
    half: String,
}

#[derive(Default)]
struct Score {
    found: u32,
    missed: u32,
    wrong: u32,
}

/// Compares placeholder by placeholder: what the text holds between those that are expected tells which were found.
fn score(case: &Case, found: &str, scores: &mut BTreeMap<String, Score>) {
    let count = |text: &str, kind: Identity| text.matches(kind.placeholder()).count() as u32;
    for kind in Identity::ALL {
        let (wanted, got) = (count(&case.expected, kind), count(found, kind));
        let score = scores.entry(kind.name().to_owned()).or_default();
        let right = if found == case.expected { wanted } else { wanted.min(got).saturating_sub(u32::from(wanted == got && wanted > 0)) };
        score.found += right;
        score.missed += wanted - right;
        score.wrong += got - right.min(got);
    }
}

#[test]
fn the_labelled_set_is_met() {
    let (mut scores, mut failures) = (BTreeMap::new(), Vec::new());
    let mut held_out: BTreeMap<String, Score> = BTreeMap::new();
    for case in labelled_set::<Case>("privacy.jsonl") {
        let found = redact(PrivacyLevel::Strict, &case.text);
        score(&case, &found, &mut scores);
        if case.half == "held-out" {
            score(&case, &found, &mut held_out);
        }
        if found != case.expected {
            failures.push(format!("{} {}: {:?}\n  expected {:?}\n  found    {:?}", case.kind, case.half, case.text, case.expected, found));
        }
    }
    let table = |scores: &BTreeMap<String, Score>| -> String {
        let row = |(kind, Score { found, missed, wrong }): (&String, &Score)| {
            let (found, missed, wrong) = (f64::from(*found), f64::from(*missed), f64::from(*wrong));
            format!(
                "{kind:<16} precision {:.3} recall {:.3} of {}\n",
                found / (found + wrong).max(1.0),
                found / (found + missed).max(1.0),
                found + missed
            )
        };
        scores.iter().map(row).collect()
    };
    let report = format!("{}\nall\n{}held out\n{}", failures.join("\n"), table(&scores), table(&held_out));
    for (kind, Score { found, missed, wrong }) in &scores {
        let (found, missed, wrong) = (f64::from(*found), f64::from(*missed), f64::from(*wrong));
        let is_good = found >= 0.98 * (found + missed) && found >= 0.98 * (found + wrong);
        assert!(is_good, "{kind}\n{report}");
    }
    assert!(std::env::var_os("SHOW_SCORES").is_none(), "{report}");
}

#[test]
fn what_stands_beside_a_number_does_not_hide_it() {
    let check = |text: &str, expected: &str| assert_eq!(redact(PrivacyLevel::Standard, text), expected);
    check("Réf AB12 compte FR76 3000 6000 0112 3456 7890 189 merci", "Réf AB12 compte [IBAN] merci");
    check("Tél 01 23 45 67 89 75013 Paris", "Tél [TELEPHONE] 75013 Paris");
    check(&"a@b.fr, ".repeat(20_000), &"[EMAIL], ".repeat(20_000));
}

#[test]
fn the_level_and_the_exceptions_are_respected() {
    let text = "Mme Durand, tél. 01 23 45 67 89, a@b.fr";
    assert_eq!(redact(PrivacyLevel::Off, text), text);
    assert_eq!(redact(PrivacyLevel::Standard, text), "Mme Durand, tél. [TELEPHONE], [EMAIL]");
    assert_eq!(redact(PrivacyLevel::Strict, text), "Mme [NOM], tél. [TELEPHONE], [EMAIL]");
    let config = PrivacyConfig { action: PrivacyAction::Remove, except: vec![Identity::Email], ..PrivacyConfig::default() };
    let mut out = text.to_owned();
    let mut counts = CleanCounts::default();
    PrivacyFilter::new(&config).redact(&mut out, 0, &mut counts);
    assert_eq!(out, "Mme Durand, tél. , a@b.fr");
    assert_eq!((counts.hidden(Identity::Telephone), counts.hidden(Identity::Email)), (1, 0));
}

proptest! {
    #[test]
    fn hiding_twice_hides_nothing_more_and_any_text_is_taken(
        parts in proptest::collection::vec("(\\PC{0,12}|[0-9 ./-]{5,20}|né le |Mme |IPP : |rue |RPPS |a@b\\.fr|FR76|12 rue de la Paix|\n|75002 Paris)", 0..12),
    ) {
        let once = redact(PrivacyLevel::Strict, &parts.concat());
        prop_assert_eq!(redact(PrivacyLevel::Strict, &once), once.clone());
    }
}
