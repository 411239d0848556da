//! The commonest short words of some languages, and how often a text uses them.

use std::collections::BTreeMap;

use wide::u8x32;

use crate::{displaced::Size, letters::hash_of};

/// Languages with a list, by ISO 639-1 code (Haitian Creole is `ht`, Occitan `oc`).
pub(super) const LANGUAGES: [&str; 12] = ["fr", "en", "es", "pt", "it", "de", "nl", "ca", "ro", "oc", "ht", "la"];

/// Accents are often lost, so the commonest words stand without them too.
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

/// Words of French that stand in any running text.
const STOP_WORDS: &str = "le la les de du des un une et ou à en au aux dans par pour sur avec que qui est l d";

/// Counts that a word adds to, a byte each: its languages, whether it is a stop word, and again its languages if the language asked for is one of them.
const LANES: usize = 32;
const STOP_WORD_LANE: usize = LANGUAGES.len();
const SHARED_LANES: usize = 16;
/// A byte holds no more.
const MAX_IN_LANES: usize = u8::MAX as usize;

const SIZE: Size = Size { bucket_bits: 8, num_slots: 1 << 10 };
const BUCKETS: usize = 1 << SIZE.bucket_bits;
const SLOTS: usize = SIZE.num_slots as usize;
const CLASS: u64 = 0xFF;

/// The words in a table that takes no decision for a look-up.
pub(super) struct FunctionWords {
    multipliers: Box<[u16; BUCKETS]>,
    /// The upper bits of the word's hash, and below them its class.
    slots: Box<[u64; SLOTS]>,
    /// What the words of a class add to each lane.
    classes: Box<[u8x32; CLASS as usize + 1]>,
}

impl FunctionWords {
    /// `wanted` is the place of the language asked for, if it has a list.
    pub(super) fn new(wanted: Option<usize>) -> Self {
        let mut lanes_of: BTreeMap<u64, [u8; LANES]> = BTreeMap::new();
        for (lane, words) in WORDS.into_iter().chain([STOP_WORDS]).enumerate() {
            for word in words.split_ascii_whitespace() {
                lanes_of.entry(hash_of(word)).or_insert([0; LANES])[lane] = 1;
            }
        }
        for lanes in lanes_of.values_mut().filter(|lanes| wanted.is_some_and(|wanted| lanes[wanted] == 1)) {
            let (own, shared) = lanes.split_at_mut(SHARED_LANES);
            shared[..LANGUAGES.len()].copy_from_slice(&own[..LANGUAGES.len()]);
        }
        let multipliers = SIZE.multipliers(lanes_of.keys().copied()).expect("words whose hashes differ");
        let multipliers: [u16; BUCKETS] = multipliers.try_into().expect("one for each bucket");
        let mut table =
            Self { multipliers: Box::new(multipliers), slots: Box::new([0; SLOTS]), classes: Box::new([u8x32::ZERO; CLASS as usize + 1]) };
        let mut known: Vec<[u8; LANES]> = Vec::new();
        for (&hash, lanes) in &lanes_of {
            let class = known.iter().position(|known| known == lanes).unwrap_or_else(|| {
                known.push(*lanes);
                known.len() - 1
            });
            table.classes[class] = u8x32::new(*lanes);
            table.slots[SIZE.slot(hash, multipliers[SIZE.bucket(hash)])] = hash & !CLASS | class as u64;
        }
        table
    }

    /// Adds to the evidence what words, given by the first of the hashes and their places, say together. `is_telling` says which of them count.
    #[inline(always)]
    pub(super) fn count<P>(&self, hashes: &[u64], places: &[P], is_telling: impl Fn(&P) -> bool, evidence: &mut Evidence) {
        let Self { multipliers, slots, classes } = self;
        for (hashes, places) in hashes.chunks(MAX_IN_LANES).zip(places.chunks(MAX_IN_LANES)) {
            let (mut lanes, mut words) = (u8x32::ZERO, 0);
            // Every other word is known: a branch on it would often be mispredicted.
            for (&hash, place) in hashes.iter().zip(places) {
                let held = slots[SIZE.slot(hash, multipliers[SIZE.bucket(hash)])];
                let is_telling = is_telling(place);
                let is_counted = ((held ^ hash) & !CLASS == 0) & is_telling;
                lanes += classes[(held & CLASS) as usize] & u8x32::splat(u8::from(is_counted).wrapping_neg());
                words += u32::from(is_telling);
            }
            let (own, shared) = lanes.as_array().split_at(SHARED_LANES);
            let counts = evidence.hits.iter_mut().zip(own).chain(evidence.shared.iter_mut().zip(shared));
            counts.for_each(|(count, lane)| *count += u32::from(*lane));
            evidence.stop_words += u32::from(own[STOP_WORD_LANE]);
            evidence.words += words;
        }
    }
}

/// What the words of a text say of its language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) words: u32,
    pub(super) stop_words: u32,
    /// Function words of each language.
    pub(super) hits: [u32; LANGUAGES.len()],
    /// Those of them that the language asked for has too.
    pub(super) shared: [u32; LANGUAGES.len()],
}

impl Evidence {
    pub(super) fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.stop_words += other.stop_words;
        // Both in a row would be added one by one.
        for (counts, more) in [(&mut self.hits, &other.hits), (&mut self.shared, &other.shared)] {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(table: &FunctionWords, words: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        let hashes: Vec<u64> = words.iter().flat_map(|word| [hash_of(word); 2]).collect();
        let places: Vec<usize> = (0..hashes.len()).collect();
        table.count(&hashes, &places, |place| place % 2 == 0, &mut evidence);
        evidence
    }

    #[test]
    fn every_word_is_found_and_counted_for_its_languages() {
        let table = FunctionWords::new(Some(0));
        for (language, words) in WORDS.iter().enumerate() {
            let words: Vec<&str> = words.split_ascii_whitespace().collect();
            let evidence = count(&table, &[words.clone(), words.clone(), words.clone()].concat());
            assert_eq!((evidence.words, evidence.hits[language]), (3 * words.len() as u32, 3 * words.len() as u32));
            assert_eq!(evidence.shared[language], evidence.hits[0], "{}", LANGUAGES[language]);
        }
        let evidence = count(&table, &["LES", "Patients", "Été", "de", "500"]);
        assert_eq!((evidence.words, evidence.stop_words, evidence.hits[0]), (5, 2, 3));
    }
}
