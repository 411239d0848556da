//! The commonest short words of some languages, and how often a text uses them.

use std::sync::LazyLock;

use crate::letters::{WINDOW, for_each_run_of_letters, window};

/// Languages with a list, by ISO 639-1 code (Haitian Creole is `ht`, Occitan `oc`).
pub(super) const LANGUAGES: [&str; 12] = ["fr", "en", "es", "pt", "it", "de", "nl", "ca", "ro", "oc", "ht", "la"];

/// No word is longer than 8 bytes. Accents are often lost, so the commonest words stand without them too.
const WORDS: [&str; LANGUAGES.len()] = [
    "le la les l d de du des un une et ou où en au aux à dans par pour sur avec sans sous que qui qu ne pas plus ce cet cette ces se s son sa ses leur leurs il elle ils \
     elles on nous vous je est sont été être ont avait était peut doit mais comme si très même aussi entre chez lors après avant selon dont ainsi donc car afin fait tout tous toute n c j y \
     etre ete etait apres tres meme cela celui celle étoit avoit point a lorsque quand encore peu bien faut soit étaient depuis votre notre vos nos sera seront ayant",
    "the of and to in a is that for with as was on are by be this from or an at which it not were have has been their his her its can may will should than these those also between \
     during after more such other but into when who they we you if no all there how what each your our use used using do does about most some them then where",
    "el la los las de del y en que a un una es por con se para su al lo como más mas o no sus le ha son fue entre este esta sin sobre también pero muy ser desde hay cuando ya era han \
     está puede pueden",
    "o a os as de do da dos das e em um uma que não nao com por para no na nos nas se ao à pelo pela mais como mas foi são sao é ser ou seu sua entre este esta também muito pode foram",
    "il lo la i gli le di del della dei delle dello un una uno e è che in nel nella con per da dal dalla al alla non si sono stato come più ma o anche questo questa tra nei sul sulla degli alle \
     viene essere ed ha dai dalle ai nelle quale stata cui",
    "der die das und in den von zu mit sich des auf für fur ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum kann oder \
     zur durch bis vor",
    "de het een en van in is op te dat die voor met zijn niet aan er om ook als dan bij door maar naar of uit worden wordt werd deze kan hebben heeft ze was",
    "el la els les de del dels i en que un una per amb no es és al als a se són com més o aquest aquesta ha entre però va ser pel dins han aquests seva ja molt",
    "și si în in de la cu pe din un o este sunt care nu să sa al ale a se mai pentru prin fost sau dar ce cele au ca lor iar după fi",
    "lo la los las de del dels e en que un una per amb es al als non se son coma mai o aquel aquela dins sus aqueste an pel pels aquò",
    "nan ak yo pou li ki yon sa se te pa la gen fè fe nou mwen ou tout kapab lè sou avèk moun ap men si ka",
    "et in est non ad cum ex ut sed qui quae quod per ab aut vel sunt esse hoc enim ac si de nec quam eius",
];

const SLOTS: usize = 2048;

/// Word → the languages that have it, a bit each. Open addressing.
static TABLE: LazyLock<[(u64, u16); SLOTS]> = LazyLock::new(|| {
    let mut table = [(0, 0); SLOTS];
    for (language, words) in WORDS.iter().enumerate() {
        for word in words.split_ascii_whitespace() {
            let key = key(window(word.as_bytes(), 0, word.len()));
            let slot = find(&table, key);
            table[slot] = (key, table[slot].1 | 1 << language);
        }
    }
    table
});

/// A short word, whatever its case: the letters of ASCII and those from À to ÿ differ by this bit.
fn key(window: u64) -> u64 {
    window | 0x2020_2020_2020_2020
}

fn find(table: &[(u64, u16); SLOTS], key: u64) -> usize {
    let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as usize;
    while table[slot].0 != key && table[slot].0 != 0 {
        slot = (slot + 1) % SLOTS;
    }
    slot
}

/// What the words of a text say of its language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) letters: u32,
    pub(super) words: u32,
    /// Function words of each language.
    pub(super) hits: [u32; LANGUAGES.len()],
    /// Those of them that the language asked for has too.
    pub(super) shared: [u32; LANGUAGES.len()],
}

impl Evidence {
    /// `wanted` is the place of the language asked for, if it has a list.
    pub(super) fn of(text: &str, wanted: Option<usize>) -> Self {
        let wanted = wanted.map_or(0, |list| 1 << list);
        let table = &*TABLE;
        let mut evidence = Self::default();
        for_each_run_of_letters(text.as_bytes(), |start, end| {
            let length = end - start;
            evidence.words += 1;
            evidence.letters += length as u32;
            if length <= WINDOW {
                let mut languages = table[find(table, key(window(text.as_bytes(), start, length)))].1;
                let is_shared = u32::from(languages & wanted != 0);
                while languages != 0 {
                    let language = languages.trailing_zeros() as usize;
                    evidence.hits[language] += 1;
                    evidence.shared[language] += is_shared;
                    languages &= languages - 1;
                }
            }
        });
        evidence
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.letters += other.letters;
        self.words += other.words;
        for (count, more) in self.hits.iter_mut().chain(&mut self.shared).zip(other.hits.iter().chain(&other.shared)) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_whatever_their_case_and_no_list_has_one_that_is_too_long() {
        let evidence = Evidence::of("L'ÉTÉ DERNIER, il était – à jeun.", None);
        assert_eq!((evidence.words, evidence.hits[0]), (8, 5));
        assert!(WORDS.iter().flat_map(|words| words.split_ascii_whitespace()).all(|word| word.len() <= 8));
    }
}
