//! Identities that a word announces.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;

use super::{Find, Identity, Signs, numbers::regex};

/// What the announcing words have in them, in small letters, and the rule that each is for.
const STEMS: [(&str, u8); 47] = [
    ("rpps", RPPS),
    ("r.p", RPPS),
    ("rp.", RPPS),
    ("adel", ADELI),
    ("adél", ADELI),
    ("adÉl", ADELI),
    ("ade.", ADELI),
    ("adé.", ADELI),
    ("ad.", ADELI),
    ("a.d", ADELI),
    ("fines", FINESS),
    ("fine.", FINESS),
    ("fin.", FINESS),
    ("fi.", FINESS),
    ("f.i", FINESS),
    ("ipp", IPP),
    ("ip.", IPP),
    ("i.p", IPP),
    ("nip", IPP),
    ("ni.", IPP),
    ("n.i", IPP),
    ("patient", IPP),
    ("malade", IPP),
    ("permanent", IPP),
    ("nda", NDA),
    ("nd.", NDA),
    ("n.d", NDA),
    ("iep", NDA),
    ("ie.", NDA),
    ("i.e", NDA),
    ("dossier", NDA),
    ("jour", NDA),
    ("admission", NDA),
    ("passage", NDA),
    ("venue", NDA),
    ("hospitalisation", NDA),
    ("naiss", BIRTH),
    ("né", BIRTH),
    ("nÉ", BIRTH),
    ("nee", BIRTH),
    (" ne ", BIRTH),
    (" nes ", BIRTH),
    ("\nne ", BIRTH),
    ("(ne ", BIRTH),
    (",ne ", BIRTH),
    ("dd", BIRTH),
    ("d.d", BIRTH),
];
const RPPS: u8 = 1;
const ADELI: u8 = 2;
const FINESS: u8 = 4;
const IPP: u8 = 8;
const NDA: u8 = 16;
const BIRTH: u8 = 32;

/// Each pattern's first group is the identity.
pub(super) struct ContextRules {
    stems: AhoCorasick,
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
            stems: stems(),
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
    /// The rules whose words may stand in the text.
    fn announced(&self, text: &str) -> u8 {
        let begins_so = if text.starts_with(['n', 'N']) { BIRTH } else { 0 };
        self.stems.find_overlapping_iter(text).fold(begins_so, |rules, found| rules | STEMS[found.pattern().as_usize()].1)
    }

    pub(super) fn search(&self, text: &str, line: Range<usize>, signs: Signs, finds: &mut Vec<Find>) {
        if signs.digits == 0 && !text[line.clone()].contains(['S', 's', 'P', 'p', 'A', 'a']) {
            return;
        }
        // The number may stand in the line below the word.
        let next =
            memchr::memchr(b'\n', text.as_bytes().get(line.end + 1..).unwrap_or_default()).map_or(text.len(), |at| line.end + 1 + at);
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
        let digits_below = text.as_bytes()[line.end..next].iter().filter(|byte| byte.is_ascii_digit()).count();
        let announces_next_line = line.len() < 40 && digits_below >= 4;
        let window = line.start..if announces_next_line { next } else { line.end };
        let announced = if signs.digits >= 4 || announces_next_line { self.announced(&text[window.clone()]) } else { 0 };
        for (rule, own, min_digits, kind) in [
            (&self.rpps, RPPS, 8, Identity::Rpps),
            (&self.adeli, ADELI, 8, Identity::Adeli),
            (&self.finess, FINESS, 8, Identity::Finess),
            (&self.ipp, IPP, 5, Identity::Ipp),
            (&self.nda, NDA, 5, Identity::Nda),
            (&self.birth, BIRTH, 4, Identity::DateNaissance),
        ] {
            if announced & own != 0 && (signs.digits >= min_digits || announces_next_line) {
                add(rule, window.clone(), kind);
            }
        }
        if signs.digits > 0 {
            // The postcode and the town may stand in the line below, or below a blank one.
            let below = text.get(line.end..).unwrap_or_default().trim_start_matches('\n');
            let town_end = memchr::memchr(b'\n', below.as_bytes()).unwrap_or(below.len());
            let town_follows = below.starts_with(|first: char| first.is_ascii_digit());
            let window = line.start..if town_follows { text.len() - below.len() + town_end } else { line.end };
            if has_postcode(&text.as_bytes()[window.clone()]) {
                add(&self.box_or_place, window.clone(), Identity::Adresse);
                add(&self.street, window, Identity::Adresse);
            }
        }
        if signs.digits > 0 {
            add(&self.street_with_context, line, Identity::Adresse);
        }
    }
}

fn stems() -> AhoCorasick {
    let builder = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(STEMS.map(|(stem, _)| stem));
    builder.expect("a few short words")
}

/// Whether there are five digits in a row, or two and three.
fn has_postcode(text: &[u8]) -> bool {
    let mut pairs = 0;
    let mut digits = 0;
    for &byte in text {
        if byte.is_ascii_digit() {
            digits += 1;
            if digits == 5 || pairs == 2 && digits == 3 {
                return true;
            }
        } else {
            pairs = if byte == b' ' { digits } else { 0 };
            digits = 0;
        }
    }
    false
}
