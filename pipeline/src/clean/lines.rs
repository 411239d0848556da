//! What extraction from pages and PDF files did to lines: words broken at line ends or letter-spaced, full stops without a space, and lines that belong
//! to the page and not to the text.

use std::sync::LazyLock;

use aho_corasick::packed::Searcher;
use regex::Regex;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::counts::{Change, CleanCounts};
use crate::letters::{any_window, num_digits};

/// A line of at least so many bytes is not repeated inside a document.
const MIN_REPEATED_BYTES: usize = 60;
/// What goes on for so many letters and hyphens is no broken word.
const MAX_BROKEN: usize = 64;
/// Parts of words after which a hyphen is right.
const PREFIXES: [&str; 42] = [
    "anti", "auto", "non", "post", "pré", "pro", "extra", "intra", "inter", "infra", "supra", "sous", "sus", "semi", "demi", "mi", "quasi",
    "ex", "vice", "co", "contre", "micro", "macro", "multi", "mono", "bi", "tri", "neuro", "cardio", "gastro", "hépato", "broncho",
    "ostéo", "péri", "para", "psycho", "socio", "médico", "immuno", "celui", "celle", "peut",
];

static PAGE_LINES: LazyLock<Regex> = LazyLock::new(|| {
    let patterns = [
        r"page \d+(?: ?(?:sur|/|of|de) ?\d+)?",
        r"(?:- )?\d+ ?/ ?\d+(?: -)?",
        r"(?:imprimer|haut de page|retour en haut(?: de (?:la )?page)?|retour à l'accueil|aller au contenu(?: principal)?|fermer|menu|rechercher|envoyer (?:par|à un) (?:mail|ami)|version imprimable)",
        r"(?:partager|suivez-nous|partager cette page|partager l'article)(?: (?:sur|par) .{1,60})?",
        r"(?:facebook|twitter|linkedin|instagram|youtube|whatsapp)(?:[ ,|·•-]+(?:facebook|twitter|linkedin|instagram|youtube|whatsapp|e-?mail|x))*",
        r"accueil(?: ?[>»/›] ?[^>»/›]{1,80})+",
        r"(?:nous utilisons|ce site utilise|en poursuivant votre navigation|les cookies (?:nous|assurent|permettent)).{0,300}cookies?.{0,300}",
        r"(?:tout accepter|tout refuser|accepter (?:tous )?les cookies|gérer (?:mes|les) (?:cookies|préférences)|paramétrer les cookies|politique de confidentialité|mentions légales)(?:[ |·•-]+(?:tout accepter|tout refuser|accepter|refuser|personnaliser|plan du site|mentions légales|politique de confidentialité|contact|cookies))*",
        r"(?:plan du site|contact|crédits|accessibilité)(?: ?[|·•-] ?(?:plan du site|contact|crédits|accessibilité[^|]{0,30}|mentions légales|politique de confidentialité))+",
        r"(?:©|\(c\)|copyright) ?.{0,80}(?:tous droits réservés|all rights reserved)\.?",
    ];
    Regex::new(&format!("^(?i:{})$", patterns.join("|"))).expect("tested patterns")
});

static SCRIPT_LINES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^(?:var|let|const) \w+ ?=|function ?\w*\([^)]*\) ?\{|(?:document|window|jQuery|\$)(?:\.\w+|\([^)]*\))+ ?[=(.;{]|^\}\)?;?$|addEventListener\(|_gaq\.push|^@media |^\.?[\w#.-]+ ?\{[^}]*:[^}]*\}$)").expect("a tested pattern")
});

static LETTER_SPACED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\p{Lu}(?: \p{Lu}){4,}").expect("a tested pattern"));

/// Mends one document after another.
#[derive(Default)]
pub(super) struct LineMender {
    seen: FxHashSet<u64>,
    /// The text's compounds, once a word was joined.
    compounds: Option<FxHashSet<u64>>,
}

impl LineMender {
    /// Whether [`LineMender::mend_into`] might make another text of this one, whose white space is regular.
    #[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
    pub(super) fn may_mend(&mut self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let is_broken = |[hyphen, end]: &[u8; 2]| (*hyphen == b'-') & (*end == b'\n');
        // Capital letters beyond ASCII begin with À's first byte or a larger one.
        let is_tight = |[stop, next]: &[u8; 2]| {
            ((*stop == b'.') | (*stop == b'!') | (*stop == b'?')) & ((next.wrapping_sub(b'A') < 26) | (*next >= 0xC3))
        };
        // Most texts have none of the three: one look tells.
        let is_pair = |pair: &[u8; 2]| is_broken(pair) | is_tight(pair);
        let is_any = |five: &[u8; 5]| are_single_capitals(five) | is_pair(&[five[0], five[1]]);
        let may_be_any = any_window(bytes, is_any) || bytes[bytes.len().saturating_sub(4)..].array_windows().any(is_pair);
        let is_one = || {
            any_window(bytes, is_tight) && tight_stops(text).next().is_some()
                || any_window(bytes, are_single_capitals)
                || any_window(bytes, is_broken)
        };
        if may_be_any && is_one() {
            return true;
        }
        self.seen.clear();
        let may_have_script = may_have_script(bytes);
        let mut line_start = 0;
        memchr::memchr_iter(b'\n', bytes).chain([text.len()]).any(|line_end| {
            let line = &text[line_start..line_end];
            line_start = line_end + 1;
            !line.is_empty() && self.unwanted(line, may_have_script).is_some()
        })
    }

    /// Appends the mended form of a text whose white space is regular; says whether it is another.
    pub(super) fn mend_into(&mut self, text: &str, out: &mut String, counts: &mut CleanCounts) -> bool {
        let start = out.len();
        self.seen.clear();
        self.compounds = None;
        let may_have_script = may_have_script(text.as_bytes());
        // Whether a blank line, or any other, stood between the last line and this one.
        let (mut after_blank, mut is_next) = (false, true);
        for line in text.split('\n') {
            let change = if line.is_empty() { None } else { self.unwanted(line, may_have_script) };
            if line.is_empty() || change.is_some() {
                if let Some(change) = change {
                    counts.add(change, 1);
                }
                after_blank |= line.is_empty();
                is_next = false;
                continue;
            }
            if out.len() > start && is_next && joins(&out[start..], line) {
                let compounds = self.compounds.get_or_insert_with(|| compounds(text));
                join(out, start, line, compounds);
                counts.add(Change::JoinedWord, 1);
            } else {
                if out.len() > start {
                    out.push_str(if after_blank { "\n\n" } else { "\n" });
                }
                mend_line(line, out, counts);
            }
            (after_blank, is_next) = (false, true);
        }
        out[start..] != *text
    }

    /// Why a line does not belong to the text, in which there may be script or not.
    fn unwanted(&mut self, line: &str, may_have_script: bool) -> Option<Change> {
        if line.len() < 400 && begins_as_page_line(line) && PAGE_LINES.is_match(line) {
            return Some(Change::PageLine);
        }
        if may_have_script && may_be_script(line.as_bytes()) && SCRIPT_LINES.is_match(line) {
            return Some(Change::ScriptLine);
        }
        let is_repeated = line.len() >= MIN_REPEATED_BYTES && is_prose(line) && !self.seen.insert(xxh3_64(line.as_bytes()));
        is_repeated.then_some(Change::RepeatedLine)
    }
}

fn may_have_script(text: &[u8]) -> bool {
    memchr::memchr3(b'{', b'}', b'=', text).is_some() || memchr::memchr(b'$', text).is_some()
}

/// Whether the line may be one that [`SCRIPT_LINES`] knows: it has one of the signs, and if that is « = », also a word that the patterns have.
fn may_be_script(line: &[u8]) -> bool {
    static WORDS: LazyLock<Option<Searcher>> = LazyLock::new(|| {
        Searcher::new(["var ", "let ", "const ", "document", "window", "jQuery", "addEventListener(", "_gaq.push", "@media "])
    });
    let has_word = || WORDS.as_ref().is_none_or(|words| words.find(line).is_some());
    memchr::memchr3(b'{', b'}', b'$', line).is_some() || memchr::memchr(b'=', line).is_some() && has_word()
}

/// Whether the line is neither an item of a list nor a row of a table: those are repeated for good reasons.
fn is_prose(line: &str) -> bool {
    let is_row = memchr::memchr2(b';', b'|', line.as_bytes()).is_some() || num_digits(line.as_bytes()) * 4 > line.len();
    !is_row && line.starts_with(char::is_alphabetic)
}

/// The first four bytes of what the patterns of page lines begin with, in small letters.
const PAGE_BEGINNINGS: [[u8; 4]; 34] = [
    *b"page",
    *b"impr",
    *b"haut",
    *b"reto",
    *b"alle",
    *b"ferm",
    *b"menu",
    *b"rech",
    *b"envo",
    *b"vers",
    *b"part",
    *b"suiv",
    *b"face",
    *b"twit",
    *b"link",
    *b"inst",
    *b"yout",
    *b"what",
    *b"accu",
    *b"nous",
    *b"ce s",
    *b"en p",
    *b"les ",
    *b"tout",
    *b"acce",
    *b"para",
    *b"poli",
    *b"ment",
    *b"plan",
    *b"cont",
    *b"copy",
    *b"(c) ",
    *"gér".as_bytes().first_chunk().expect("four bytes"),
    *"cré".as_bytes().first_chunk().expect("four bytes"),
];

/// Whether the line may be one that [`PAGE_LINES`] knows.
fn begins_as_page_line(line: &str) -> bool {
    let Some(first) = line.as_bytes().first_chunk::<4>() else { return line.starts_with(|first: char| first.is_ascii_digit()) };
    let small = u32::from_le_bytes(*first) | u32::from_le_bytes([0x20; 4]);
    let is_of_page = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'/' | b'-');
    line.bytes().all(is_of_page)
        || matches!(first, [b'(', b'c' | b'C', ..] | [0xC2, 0xA9, ..])
        || PAGE_BEGINNINGS.iter().fold(false, |found, beginning| found | (u32::from_le_bytes(*beginning) == small))
}

/// Whether a word goes on from the text's last line to this one.
fn joins(text: &str, line: &str) -> bool {
    let before = text.strip_suffix('-').unwrap_or_default();
    let last = |count| before.chars().rev().take(count);
    last(2).filter(|letter| letter.is_lowercase()).count() == 2
        && line.starts_with(char::is_lowercase)
        && last(MAX_BROKEN + 1).take_while(|character| character.is_alphabetic() || *character == '-').count() <= MAX_BROKEN
}

/// The hashes of all « rendez-vous » of a text: a word, a hyphen and another word in one line.
fn compounds(text: &str) -> FxHashSet<u64> {
    let compound = |at: usize| {
        let (first, second) = (last_word(&text[..at]), first_word(&text[at + 1..]));
        (!first.is_empty() && !second.is_empty()).then(|| xxh3_64(&text.as_bytes()[at - first.len()..at + 1 + second.len()]))
    };
    memchr::memchr_iter(b'-', text.as_bytes()).filter_map(compound).collect()
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|character: char| !character.is_alphabetic()).unwrap_or(text.len())]
}

fn last_word(text: &str) -> &str {
    text.rfind(|character: char| !character.is_alphabetic())
        .map_or(text, |at| &text[at + text[at..].chars().next().map_or(1, char::len_utf8)..])
}

/// Joins a word that was broken; keeps the hyphen where it is right: after a prefix that takes one, or where the text has the word with it elsewhere.
fn join(out: &mut String, start: usize, line: &str, compounds: &FxHashSet<u64>) {
    let before = out[start..].trim_end_matches('-');
    let first = last_word(before);
    let is_compound = before[..before.len() - first.len()].ends_with('-');
    let has_hyphen = is_compound
        || PREFIXES.contains(&first.to_lowercase().as_str())
        || compounds.contains(&xxh3_64(format!("{first}-{}", first_word(line)).as_bytes()));
    if !has_hyphen {
        out.pop();
    }
    out.push_str(line);
}

fn mend_line(line: &str, out: &mut String, counts: &mut CleanCounts) {
    let start = out.len();
    out.push_str(line);
    if any_window(line.as_bytes(), are_single_capitals) && LETTER_SPACED.is_match(line) {
        let joined = LETTER_SPACED.replace_all(line, |found: &regex::Captures<'_>| join_letters(&found[0], counts)).into_owned();
        out.truncate(start);
        out.push_str(&joined);
    }
    if tight_stops(&out[start..]).next().is_some() {
        let line = out.split_off(start);
        space_after_stops(&line, out, counts);
    }
}

/// Whether three capitals stand with single spaces between them.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `any_window` gives it")]
fn are_single_capitals([first, space, second, again, third]: &[u8; 5]) -> bool {
    let are_spaces = (*space == b' ') & (*again == b' ');
    are_spaces & (first.wrapping_sub(b'A') < 26) & (second.wrapping_sub(b'A') < 26) & (third.wrapping_sub(b'A') < 26)
}

/// « D I A G N O S T I C » is a word, « A B C D E » and « I I I I I » are lists.
fn join_letters(found: &str, counts: &mut CleanCounts) -> String {
    let letters: Vec<char> = found.split(' ').filter_map(|letter| letter.chars().next()).collect();
    let is_alphabet = letters.windows(2).filter(|pair| pair[1] as u32 == pair[0] as u32 + 1).count() * 2 >= letters.len();
    let is_repeated = letters.iter().all(|letter| letter == &letters[0]);
    let has_vowel = letters.iter().any(|letter| "AEIOUYÀÂÉÈÊËÎÏÔÙÛŒ".contains(*letter));
    if is_alphabet || is_repeated || !has_vowel {
        return found.to_owned();
    }
    counts.add(Change::JoinedWord, 1);
    letters.into_iter().collect()
}

/// The ends of full stops between a word and a capital letter.
fn tight_stops(text: &str) -> impl Iterator<Item = usize> {
    let begins_word = |rest: &str| {
        let mut letters = rest.chars();
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase)
    };
    let ends_word = |rest: &str| rest.chars().rev().take(2).filter(|letter| letter.is_lowercase()).count() == 2;
    memchr::memchr3_iter(b'.', b'!', b'?', text.as_bytes())
        .filter(move |&at| begins_word(&text[at + 1..]) && ends_word(&text[..at]))
        .map(|at| at + 1)
}

/// Puts a space after full stops that have none, but not inside addresses and names of files.
fn space_after_stops(line: &str, out: &mut String, counts: &mut CleanCounts) {
    let mut copied = 0;
    let (mut word_end, mut is_address) = (0, false);
    for stop in tight_stops(line) {
        if stop > word_end {
            let word_start = line[..stop].rfind(' ').map_or(0, |at| at + 1);
            word_end = line[stop..].find(' ').map_or(line.len(), |at| stop + at);
            let word = &line[word_start..word_end];
            is_address = word.contains(['/', '@', '_', '\\', '=']) || word.starts_with("www") || word.matches('.').count() > 2;
        }
        if is_address {
            continue;
        }
        out.push_str(&line[copied..stop]);
        out.push(' ');
        copied = stop;
        counts.add(Change::SpacedStop, 1);
    }
    out.push_str(&line[copied..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_that_nothing_suspects_would_stay_as_it_is(
            lines in proptest::collection::vec(
                "([a-zé]{2,9} ?|Page [0-9]|[0-9]/[0-9]{1,2}|Accueil > Santé|[A-Z] [A-Z] [A-Z] |Contact|\\.Le|\\.|-|\\{a:b\\}|var x = 1;|Partager|les cookies |© ){1,6}",
                1..6,
            ),
            repetition in 1..3_usize,
        ) {
            let text = lines.join("\n").repeat(repetition);
            let text = text.trim().replace("\n\n\n", "\n");
            let mut mender = LineMender::default();
            let is_suspected = mender.may_mend(&text);
            let (mut out, mut counts) = (String::from("avant"), CleanCounts::default());
            let is_changed = mender.mend_into(&text, &mut out, &mut counts);
            prop_assert!(is_suspected || !is_changed && out[5..] == *text, "{:?}", text);
        }
    }

    fn mend(text: &str) -> String {
        let mut out = String::from("avant");
        LineMender::default().mend_into(text, &mut out, &mut CleanCounts::default());
        out.split_off(5)
    }

    #[test]
    fn broken_words_are_joined_and_compounds_keep_their_hyphen() {
        assert_eq!(mend("une hyper-\ntension artérielle"), "une hypertension artérielle");
        assert_eq!(mend("un anti-\ninflammatoire"), "un anti-inflammatoire");
        assert_eq!(mend("rendez-vous ; le rendez-\nvous"), "rendez-vous ; le rendez-vous");
        for right in ["Liste :\n-\nun", "vitamine B-\n12", "Saint-\nLouis", "fin -\nsuite", "hyper-\n\ntension"] {
            assert_eq!(mend(right), right);
        }
    }

    #[test]
    fn a_text_of_nothing_but_broken_words_or_tight_stops_takes_no_longer_than_its_length() {
        // Quadratic work would take minutes.
        let broken = mend(&"aa-\n".repeat(1 << 18));
        assert!(broken.lines().all(|line| line.len() <= MAX_BROKEN + 3), "{}", broken.len());
        let tight = "aa.Bb".repeat(1 << 18);
        assert_eq!(mend(&tight), tight);
    }

    #[test]
    fn letter_spaced_words_are_joined_and_lists_of_letters_stay() {
        assert_eq!(mend("D I A G N O S T I C : asthme"), "DIAGNOSTIC : asthme");
        for right in ["groupes A B C D E F", "classes I I I I I", "N S T B C", "A B O"] {
            assert_eq!(mend(right), right);
        }
    }

    #[test]
    fn single_capitals_are_found_wherever_they_stand() {
        let are_found = |text: String| any_window(text.as_bytes(), are_single_capitals);
        for before in 0..9 {
            let padding = "x".repeat(before);
            assert!(are_found(format!("{padding}A B C")) && are_found(format!("{padding}A B Cé, suite")));
            assert!(!are_found(format!("{padding}A B, C D")));
        }
    }

    #[test]
    fn full_stops_get_their_space_outside_addresses_and_abbreviations() {
        assert_eq!(mend("C'est la fin.Le patient va bien!Merci."), "C'est la fin. Le patient va bien! Merci.");
        for right in ["J.-C. Martin", "p.Val600Glu", "voir www.Exemple.Fr ou a.Bc", "fichier/nom.Txt", "2.5 mg", "etc.)"] {
            assert_eq!(mend(right), right);
        }
    }

    #[test]
    fn lines_of_the_page_go() {
        let page = "Accueil > Santé > Grippe\nLa grippe est une infection.\nPartager sur Facebook\nPage 3 sur 12\n\nImprimer\nElle dure une semaine.\n3/12";
        assert_eq!(mend(page), "La grippe est une infection.\n\nElle dure une semaine.");
        assert_eq!(mend("var x = 3;\nTexte.\nfunction f(a) { return 1; }\n});"), "Texte.");
        for right in [
            "Page de garde du dossier",
            "Menu équilibré du jour",
            "Partager le repas en famille",
            "1/2 comprimé",
            "Contact avec un malade",
            "120/80 mmHg",
            "X",
        ] {
            assert_eq!(mend(right), right);
        }
    }

    #[test]
    fn long_lines_stand_once_and_short_lines_and_table_rows_as_often_as_they_like() {
        let long = "Ce médicament vous a été prescrit personnellement par votre médecin traitant.";
        assert_eq!(mend(&format!("{long}\nOui\n{long}\nOui")), format!("{long}\nOui\nOui"));
        let row = "12,5 13,5 14,5 15,5 16,5 17,5 18,5 19,5 20,5 21,5 22,5 23,5 24,5 mg";
        let item = "- les patients qui présentent une hypercholestérolémie familiale hétérozygote";
        for right in [row, item] {
            assert_eq!(mend(&format!("{right}\n{right}")), format!("{right}\n{right}"));
        }
    }
}
