//! Identities that a word announces.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

use super::{
    Find, Identity,
    digits::{DigitRuns, Digits},
    numbers::regex,
};

/// What the announcing words have in them, in small letters; what each is a sign of; and whether it must begin a word.
const STEMS: [(&str, u16, bool); 68] = [
    ("rpps", RPPS, true),
    ("r.p", RPPS, true),
    ("rp.", RPPS, true),
    ("rpp.", RPPS, true),
    ("adel", ADELI, true),
    ("adél", ADELI, true),
    ("adÉl", ADELI, true),
    ("ade.", ADELI, true),
    ("adé.", ADELI, true),
    ("adÉ.", ADELI, true),
    ("ad.", ADELI, true),
    ("a.d", ADELI, true),
    ("finess", FINESS, true),
    ("fines.", FINESS, true),
    ("fine.", FINESS, true),
    ("fin.", FINESS, true),
    ("fi.", FINESS, true),
    ("f.i", FINESS, true),
    ("ipp", IPP, true),
    ("ip.", IPP, true),
    ("i.p", IPP, true),
    ("nip", IPP, true),
    ("ni.", IPP, true),
    ("n.i", IPP, true),
    ("permanent", IPP, false),
    ("patient", PATIENT, false),
    ("malade", PATIENT, false),
    ("nda", NDA, true),
    ("nd.", NDA, true),
    ("n.d", NDA, true),
    ("iep", NDA, true),
    ("ie.", NDA, true),
    ("i.e", NDA, true),
    ("dossier", STAY, false),
    ("sejour", STAY, false),
    ("séjour", STAY, false),
    ("sÉjour", STAY, false),
    ("admission", STAY, false),
    ("passage", STAY, false),
    ("venue", STAY, false),
    ("hospitalisation", STAY, false),
    ("n°", NUMBER, false),
    ("num", NUMBER, false),
    ("identifiant", NUMBER, false),
    ("id", NUMBER, true),
    ("no", NUMBER, true),
    ("rno", NUMBER, false),
    ("tno", NUMBER, false),
    ("nno", NUMBER, false),
    ("eno", NUMBER, false),
    ("lno", NUMBER, false),
    ("naiss", BIRTH, false),
    ("né ", BIRTH, true),
    ("née", BIRTH, true),
    ("né(", BIRTH, true),
    ("nés", BIRTH, true),
    ("nÉ ", BIRTH, true),
    ("nÉe", BIRTH, true),
    ("nÉ(", BIRTH, true),
    ("nÉs", BIRTH, true),
    ("nee", BIRTH, true),
    ("ne le", BIRTH, true),
    ("ne (", BIRTH, true),
    ("nes le", BIRTH, true),
    ("nes (", BIRTH, true),
    ("ddn", BIRTH, true),
    ("dd.", BIRTH, true),
    ("d.d", BIRTH, true),
];
/// What announces something only together with « n° » begins at most so many bytes before or after that.
const NEAR: usize = 64;
/// A word that announces a number begins at most so many bytes before that.
const REACH: usize = 384;
/// What the words have in them that say where somebody lives.
const RESIDENCE: [&str; 8] = ["habit", "demeur", "vi", "sid", "domicili", "adresse", "log", "berg"];
const RPPS: u16 = 1;
const ADELI: u16 = 2;
const FINESS: u16 = 4;
const IPP: u16 = 8;
const NDA: u16 = 16;
const BIRTH: u16 = 32;
/// These announce something only together with « n° ».
const PATIENT: u16 = 64;
const STAY: u16 = 128;
const NUMBER: u16 = 256;

/// Each pattern's first group is the identity.
pub(super) struct ContextRules {
    stems: AhoCorasick,
    residence: AhoCorasick,
    rpps: Regex,
    adeli: Regex,
    finess: Regex,
    ipp: Regex,
    nda: Regex,
    birth: Regex,
    street: Regex,
    street_with_context: Regex,
    box_or_place: Regex,
}

const DATE: &str = r"(?:\d{1,2} ?[/.-] ?\d{1,2} ?[/.-] ?(?:\d{4}|\d{2})|\d{1,2} \d{1,2} \d{4}|\d{4}-\d{2}-\d{2}|\d{1,2}(?:er)? (?:janv(?:ier)?|f[ée]v(?:rier)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|ao[ûu]t|sept(?:embre)?|oct(?:obre)?|nov(?:embre)?|d[ée]c(?:embre)?)\.? \d{4})\b";
const STREET: &str = r"(?:\d{1,4} ?[-/] ?)?\d{1,4} ?(?:bis|ter|quater|[A-D]\b)?,? ?(?:av\.|bd\.|bld\.|(?:rue|avenue|av|boulevard|bd|bld|all[ée]es?|chemin|impasse|place|quai|square|route|cours|passage|hameau|faubourg|sentier|villa|r[ée]sidence|esplanade|rond-point|lotissement|promenade|ruelle|mont[ée]e)\b)";
const TOWN: &str = r"\d{2} ?\d{3},? \p{Lu}[\p{L}'’-]*(?: (?i:cedex)(?: \d{1,2}\b)?|(?: |-)(?:\p{Lu}[\p{L}'’-]*|sur|sous|en|le|la|les|de|du|des|l[èe]s|et|aux?|d'\p{Lu}\p{L}*))*";

impl Default for ContextRules {
    fn default() -> Self {
        let number_of_nine = r"(\d[\dABab](?: ?\d){7})\b";
        let town = TOWN;
        Self {
            stems: automaton(&STEMS.map(|(stem, ..)| stem)),
            residence: automaton(&RESIDENCE),
            rpps: regex(r"(?i)\bR\.?P\.?P\.?S\b\.?(?:[^\d,]{0,30}\(11 chiffres\))?[^\d,]{0,30}?(\d(?: ?\d){10})\b"),
            adeli: regex(&format!(r"(?i)\ba\.?d\.?[eé]\.?l\.?i\b\.?(?:[^\d\n,]{{0,25}}\(9 chiffres\))?[^\d,]{{0,25}}?{number_of_nine}")),
            finess: regex(&format!(r"(?i)\bF\.?I\.?N\.?E\.?S\.?S\b\.?(?:[^\d\n,]{{0,25}}\(9 chiffres\))?[^\d,]{{0,30}}?{number_of_nine}")),
            ipp: regex(
                r"(?i)(?:\bI\.?P\.?P\.?|\bN\.?I\.?P\b\.?|(?:num[ée]ro|n°|\bid|identifiant)\.? ?(?:d'identification )?(?:de |du |de la )?(?:patiente?|malade)|\bpatiente? ?n°|num[ée]ro d'identification permanent|identifiant permanent(?: du patient)?)(?: (?:est|n°))?\s*(?:n° ?)?[:=;|]? ?((?:[A-Z]{1,4}-?)?\d(?:[ -]?\d){4,11})\b",
            ),
            nda: regex(
                r"(?i)(?:\bN\.?D\.?A\b\.?|\bI\.?E\.?P\b\.?|(?:n°|num[ée]ro|\bnum\.?|\bno\.?)\s*(?:administratif )?(?:de |d')?(?:dossier(?: m[ée]dical| patient| hospitalier| administratif)?|s[ée]jour|admission|passage|venue|hospitalisation)|\b(?:dossier|s[ée]jour|admission|passage)(?: m[ée]dical| patient)?,? ?\(?(?:n°|num[ée]ro|no\.?))\s*(?:n° ?)?[:=;|]? ?((?:[A-Z]{1,3}-?)?\d(?:[-/ ]?\d){4,13}|\d{1,4}[A-Z]\d{4,8})\b",
            ),
            birth: regex(&format!(
                r"(?i)(?:\b(?:nee?s? |né(?:e|\(e\))?s? (?:(?:[^.,;\n\d]|\(\d{{2,3}}\)){{2,40}}? )?)(?:le ?:? ?|\()|\bdate(?: et lieu)?[ _](?:de )?naiss(?:ance)?\.?(?: d[eu] [^:\n\d]{{1,25}})?\s*[:;=|]?\s*(?:le )?|\bD\.?D\.?N\b\.?\s*[:;=|]?\s*|\bnaissance ?(?:le|:|du|en date du) ?)(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche) )?({DATE})"
            )),
            street: regex(&format!(r"(?i:\b{STREET})[^\n;]{{0,60}}?(?:,? |,? ?\n\n?){town}")),
            street_with_context: regex(&format!(
                r"(?i:\b(?:habit\w*|demeur\w+|vit|vivant|r[ée]sid\w+|domicili\w+|adresse ?:?|log[ée]\w*|h[ée]berg\w+)\b(?: actuellement| seule?)?(?: au| à| dans| chez [^,\n]{{0,20}})?,? )((?i:{STREET})(?: (?:de la|de l'|des|de|du|d'|la|le|les|l'|aux?|à))*(?: |')?(?:\p{{Lu}}[\p{{L}}'’-]*(?: \p{{Lu}}[\p{{L}}'’-]*)*|[\p{{L}}'’-]+))"
            )),
            box_or_place: regex(&format!(
                r"(?:\b(?:BP|B\.P\.|CS|TSA) ?\d{{1,5}}(?: ?[,–-] ?| |\n)|\b(?i:lieu-?dit)[^,\n]{{2,40}},? ?|\b(?i:le bourg),? ?|\b(?i:r[ée]sidence|domaine|hameau|immeuble|foyer) [^,;\n]{{2,40}}, ?){town}"
            )),
        }
    }
}

impl ContextRules {
    /// The rules whose words may stand before a number in a part of the text that has these digits.
    fn announced(&self, text: &str, part: &Range<usize>, digits: Digits<'_>) -> u16 {
        let is_in_word = |at: usize| text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_');
        // Where each sign that needs another was met last.
        let (mut number, mut patient, mut stay) = (None, None, None);
        let near = |last: Option<usize>, at: usize, rule: u16| if last.is_some_and(|last| last.abs_diff(at) <= NEAR) { rule } else { 0 };
        let mut announced = 0;
        let mut searched_to = part.start;
        for place in digits.announced() {
            let from = place.saturating_sub(REACH).max(searched_to);
            searched_to = place;
            for found in self.stems.find_overlapping_iter(&text.as_bytes()[from..place]) {
                let (_, sign, must_begin_word) = STEMS[found.pattern().as_usize()];
                let at = from + found.start();
                if must_begin_word && is_in_word(at) {
                    continue;
                }
                announced |= match sign {
                    NUMBER => {
                        number = Some(at);
                        near(patient, at, IPP) | near(stay, at, NDA)
                    }
                    PATIENT => {
                        patient = Some(at);
                        near(number, at, IPP)
                    }
                    STAY => {
                        stay = Some(at);
                        near(number, at, NDA)
                    }
                    rule => rule,
                };
            }
        }
        announced
    }

    pub(super) fn search(&self, text: &str, line: Range<usize>, digits: &DigitRuns, finds: &mut Vec<Find>) {
        let within = |part: &Range<usize>| digits.within(text.as_bytes(), part);
        let num_digits = within(&line).count();
        // The number may stand in the line below a short one.
        let is_short = line.len() < 40;
        if num_digits == 0 && !is_short {
            return;
        }
        let mut add = |rule: &Regex, window: Range<usize>, kind: Identity| {
            for found in rule.captures_iter(&text[window.clone()]) {
                // « dernier-né », « aliéné » are no announcements.
                let is_compound = found.get(0).is_some_and(|whole| {
                    let (before, whole) = (&text[..window.start + whole.start()], whole.as_str());
                    before.ends_with(|last: char| last == '-' || !last.is_ascii() && last.is_alphabetic())
                        && whole.starts_with(char::is_alphabetic)
                });
                if let Some(found) = found.get(1).or(found.get(0)).filter(|_| !is_compound) {
                    finds.push((window.start + found.start()..window.start + found.end(), kind));
                }
            }
        };
        let next = if is_short { line_end(text, line.end + 1) } else { line.end };
        let announces_next_line = is_short && within(&(line.end..next)).count() >= 4;
        let window = line.start..if announces_next_line { next } else { line.end };
        let announced = self.announced(text, &window, within(&window));
        for (rule, own, min_digits, kind) in [
            (&self.rpps, RPPS, 8, Identity::Rpps),
            (&self.adeli, ADELI, 8, Identity::Adeli),
            (&self.finess, FINESS, 8, Identity::Finess),
            (&self.ipp, IPP, 5, Identity::Ipp),
            (&self.nda, NDA, 5, Identity::Nda),
            (&self.birth, BIRTH, 4, Identity::DateNaissance),
        ] {
            let is_there = || kind != Identity::DateNaissance || within(&window).have_date();
            if announced & own != 0 && (num_digits >= min_digits || announces_next_line) && is_there() {
                add(rule, window.clone(), kind);
            }
        }
        if num_digits > 0 {
            // The postcode and the town may stand in the line below, or below a blank one.
            let below = text[line.end..].trim_start_matches('\n');
            let town_follows = below.starts_with(|first: char| first.is_ascii_digit());
            let window = line.start..if town_follows { line_end(text, text.len() - below.len()) } else { line.end };
            let (has_postcode, has_street) = (within(&window).have_postcode(), within(&window).have_street());
            if has_street && self.residence.is_match(&text[line.clone()]) {
                add(&self.street_with_context, line, Identity::Adresse);
            }
            if has_street && has_postcode {
                add(&self.street, window.clone(), Identity::Adresse);
            }
            if has_postcode {
                add(&self.box_or_place, window, Identity::Adresse);
            }
        }
    }
}

/// Where the line ends that begins at `start`, which may lie just beyond the text.
fn line_end(text: &str, start: usize) -> usize {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |at| start + at)
}

fn automaton(words: &[&str]) -> AhoCorasick {
    let builder = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words);
    builder.expect("a few short words")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clean::labelled_set;

    thread_local! {
        static RULES: ContextRules = ContextRules::default();
    }

    /// What a rule finds must be announced, or it would never be looked for.
    fn check(text: &str) {
        RULES.with(|rules| {
            let mut runs = DigitRuns::default();
            runs.find(text.as_bytes(), 0);
            let whole = 0..text.len();
            let digits = runs.within(text.as_bytes(), &whole);
            let announced = rules.announced(text, &whole, digits);
            let (ipp, nda) = ((&rules.ipp, IPP), (&rules.nda, NDA));
            for (rule, own) in [(&rules.rpps, RPPS), (&rules.adeli, ADELI), (&rules.finess, FINESS), ipp, nda, (&rules.birth, BIRTH)] {
                let is_there = announced & own != 0 && (own != BIRTH || digits.have_date());
                assert!(is_there || !rule.is_match(text), "{own}: {text:?}");
            }
            let has_address = rules.street.is_match(text) || rules.box_or_place.is_match(text);
            assert!(digits.have_postcode() || !has_address, "{text:?}");
            assert!(rules.residence.is_match(text) || !rules.street_with_context.is_match(text), "{text:?}");
            assert!(digits.have_street() || !rules.street.is_match(text) && !rules.street_with_context.is_match(text), "{text:?}");
        });
    }

    #[test]
    fn the_labelled_set_is_announced() {
        for case in labelled_set::<serde_json::Value>("privacy.jsonl") {
            check(case["text"].as_str().expect("a text"));
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_announced(
            text in "([«( \\n\"'/éx-]?(R\\.?P\\.?P\\.?S\\.?|[aA]\\.?[dD]\\.?[eéÉ]\\.?[lL]\\.?[iI]|F\\.?I\\.?N\\.?E\\.?S\\.?S|I\\.?P\\.?P|N\\.?I\\.?P|Id|(n°|Num[ée]ro|N°|no\\.|num\\.) ?(de |d')?(patiente?|malade|dossier|séjour|SEJOUR|venue)|dossier,? ?(n°|no)|N\\.?D\\.?A|I\\.?E\\.?P|n[ée]e?s?|NÉ|né\\(e\\)|Date de naissance|D\\.?D\\.?N|naissance)[ :]{1,3}(est |le |à Lyon le )?([0-9]{1,4}[ /.]?){2,6} ?(rue des Lis,? )?){1,3}(75 ?001 Paris)?",
        ) {
            check(&text);
        }

        #[test]
        fn streets_are_announced(
            text in "(habite |Adresse : |x)?([0-9]{1,4} ?[-/] ?)?[0-9]{1,5} ?(bis|TER|quater|[A-Da])?,? ?(rue|AVENUE|av[.]?|bd|bld\\.|boulevard|all[ée]es?|chemin|impasse|place|quai|square|route|cours|passage|hameau|faubourg|sentier|villa|r[ée]sidence|RÉSIDENCE|esplanade|rond-point|lotissement|promenade|ruelle|mont[ée]e)( des Lis)?( ?75 ?001 Paris)?",
        ) {
            check(&text);
        }
    }
}
