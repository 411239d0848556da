//! Names of persons: capitalised words after a title, or after « née », « épouse », « nom : ».

use std::ops::Range;

use regex::Regex;

use super::{Find, Identity, numbers::regex};

pub(super) struct NameRules {
    title: Regex,
    name: Regex,
    second: Regex,
}

/// Capitalised words that are offices or places, no names.
const NO_NAMES: [&str; 58] = [
    "Mme",
    "Mlle",
    "M.",
    "M",
    "Mr",
    "Dr",
    "Pr",
    "Née",
    "NÉE",
    "Née",
    "Épouse",
    "Veuve",
    "Président",
    "Présidente",
    "Maire",
    "Ministre",
    "Directeur",
    "Directrice",
    "Préfet",
    "Préfète",
    "Juge",
    "Procureur",
    "Recteur",
    "Doyen",
    "Secrétaire",
    "Sénateur",
    "Député",
    "Députée",
    "Chef",
    "Cadre",
    "Confrère",
    "Consœur",
    "Docteur",
    "Professeur",
    "Monsieur",
    "Madame",
    "Mademoiselle",
    "Hôpital",
    "Hopital",
    "Service",
    "Clinique",
    "Centre",
    "Cabinet",
    "Pharmacie",
    "Laboratoire",
    "Institut",
    "Unité",
    "Pôle",
    "CHU",
    "CH",
    "CHRU",
    "CHR",
    "EHPAD",
    "SSR",
    "USLD",
    "SAMU",
    "HDJ",
    "Urgences",
];

/// Names after a title are no longer, in bytes.
const MAX_NAME: usize = 400;

impl Default for NameRules {
    fn default() -> Self {
        let initials = r"(?:\p{Lu}\.[ -]?)*";
        let particle = r"(?:(?:[Dd]e la|[Dd]e|[Dd]u|[Dd]es|[Ll]e|[Ll]a|[Vv]an den|[Vv]an der|[Vv]an|[Vv]on|[Ee]l|[Bb]en|[Dd]a|[Dd]os|[Dd]i|[Aa]l|[Aa]ït|Mac|Mc|Saint) )*";
        let word = r"(?:[DdLlO]['’])?\p{Lu}[\p{L}]+(?:[-'’]\p{L}+)*";
        Self {
            title: regex(
                r"(?:\b(?:(?:MM?|Mr|Mme|Mlle|Mmes|Dr|Drs|Pr|Prs|DR|PR|MME|MR)\b\.?|(?i:madame|monsieur|mademoiselle|docteure?|professeure?)\b|(?i:né\(?e\)?|née|veuve)\b|(?i:nom(?: de naissance| de jeune fille| d'usage| du patient| de la patiente| et pr[ée]noms?)?|pr[ée]noms?|patiente?|praticien|m[ée]decin(?: traitant)?|op[ée]rateur|chirurgien|anesth[ée]siste) ?:)|[éÉ](?:pouse|POUSE)\b)(?: (?:le|la) (?:Dr|Pr|Docteure?|Professeure?)\b\.?| (?:Dr|Pr)\b\.?)? ",
            ),
            name: regex(&format!(r"^{initials}{particle}{word}(?: {initials}{particle}{word}){{0,3}}")),
            second: regex(&format!(r"^ et ({initials}{particle}{word})")),
        }
    }
}

impl NameRules {
    pub(super) fn search(&self, text: &str, line: Range<usize>, finds: &mut Vec<Find>) {
        let content = &text[line.clone()];
        let mut at = 0;
        while let Some(title) = self.title.find_at(content, at) {
            at = title.end();
            let is_unit =
                content[..title.start()].trim_end().ends_with(|last: char| last.is_ascii_digit()) && title.as_str().starts_with("M.");
            let near = |at: usize| &content[at..content.floor_char_boundary(at + MAX_NAME)];
            let Some(name) = self.name.find(near(at)).filter(|_| !is_unit) else { continue };
            let length = name_length(name.as_str(), title.as_str());
            if length == 0 {
                continue;
            }
            finds.push((line.start + at..line.start + at + length, Identity::Nom));
            at += length;
            let are_several = title.as_str().starts_with("MM") || title.as_str().contains("Drs") || title.as_str().contains("Mmes");
            if let Some(second) = self.second.captures(near(at)).and_then(|found| found.get(1)).filter(|_| are_several) {
                finds.push((line.start + at + second.start()..line.start + at + second.end(), Identity::Nom));
                at += second.end();
            }
        }
    }
}

/// How much of the words is a name: up to the first that is an office or a place, or an acronym after a name that is none.
fn name_length(words: &str, title: &str) -> usize {
    let is_upper = |word: &str| word.chars().all(|letter| !letter.is_lowercase());
    let mut length = 0;
    let mut seen_lower = false;
    for word in words.split(' ') {
        let is_acronym = is_upper(word) && word.chars().count() <= 4 && !word.contains('.') && seen_lower;
        if NO_NAMES.contains(&word) || is_acronym {
            break;
        }
        seen_lower |= !is_upper(word);
        length += word.len() + usize::from(length > 0);
    }
    // « M. Le pH », « Nom : Le … »: an article alone is no name; one letter after a bare M is a unit.
    let found = &words[..length];
    let only_particles =
        found.split(' ').all(|word| ["Le", "La", "le", "la", "De", "de", "Du", "du", "Des", "des", "El", "Al"].contains(&word));
    let bare = title.trim_end() == "M" && !found.split(' ').next().is_some_and(|word| is_upper(word) && word.len() > 2);
    if only_particles || bare { 0 } else { length }
}
