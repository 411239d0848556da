//! What holds between training, saving and encoding, and between the encoder and the library.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ahash::AHashMap;
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use rayon::ThreadPoolBuilder;
use schemas::TOKENIZER_FILES;
use tempfile::TempDir;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, Tokenizer, models::wordpiece::WordPiece, normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer,
};

use super::{Algorithm, Encoder, TrainedTokenizer, WordCounts, layout};

const TEXT: &str = "\
Le patient est hospitalisé pour une insuffisance cardiaque aiguë. L’échographie montre une fraction d'éjection à 35 %.
La patiente, âgée de 67 ans, est traitée par bêta-bloquants (2,5 mg/j) et furosémide 40 mg : bonne tolérance clinique.
Hospitalisations répétées ; hospitalisation en 2019, hospitalisations en 2020 et 2021. Cœur : bruits réguliers.
« Pas d'allergie connue », dit-elle. Température 38,2 °C, saturation 96 %, CO₂ normal, surface 1,7 m², dose 5 µg.
Le traitement par l'acide acétylsalicylique est poursuivi. Aucune complication n'a été observée au cours du séjour.
";
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Bpe, Algorithm::Unigram];

fn train(algorithm: Algorithm, vocab_size: usize, text: &str) -> Result<TrainedTokenizer, String> {
    let mut counts = WordCounts::default();
    counts.add(text);
    TrainedTokenizer::train(algorithm, vocab_size, counts).map_err(|error| error.to_string())
}

/// A folder with a saved tokenizer that learned [`TEXT`].
fn saved(algorithm: Algorithm, vocab_size: usize) -> TempDir {
    let folder = TempDir::new().expect("a scratch folder");
    train(algorithm, vocab_size, TEXT).expect("trains").save(folder.path()).expect("an empty folder takes it");
    folder
}

/// A folder with a small tokenizer as BERT's.
fn saved_bert() -> TempDir {
    let words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "patient",
        "##e",
        "le",
        "la",
        "est",
        "cardiaque",
        "insuffisance",
        "[",
        "]",
        "'",
        "mask",
    ];
    let letters = ('a'..='z').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    let vocabulary: Vec<String> =
        words.iter().map(ToString::to_string).chain(letters.filter(|piece| piece != "##e" && piece != "##q")).collect();
    let ids: AHashMap<String, u32> = vocabulary.into_iter().enumerate().map(|(id, piece)| (piece, id as u32)).collect();
    let mut tokenizer = Tokenizer::new(WordPiece::builder().vocab(ids).unk_token("[UNK]".into()).build().expect("a vocabulary"));
    tokenizer.with_normalizer(Some(BertNormalizer::default())).expect("no added tokens yet");
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.add_special_tokens(words[..5].iter().map(|word| AddedToken::from(*word, true))).expect("known words");
    let folder = TempDir::new().expect("a scratch folder");
    tokenizer.save(folder.path().join(TOKENIZER_FILES[0]), false).expect("writes");
    let names =
        r#"{"cls_token": "[CLS]", "sep_token": {"content": "[SEP]"}, "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}"#;
    fs::write(folder.path().join(TOKENIZER_FILES[2]), names).expect("writes");
    folder
}

fn encoder(folder: &Path) -> Encoder {
    Encoder::from_dir(folder).expect("loads")
}

/// The library, told to take special tokens in text for text.
fn library(folder: &Path) -> Tokenizer {
    let mut tokenizer = Tokenizer::from_file(folder.join(TOKENIZER_FILES[0])).expect("loads");
    tokenizer.set_encode_special_tokens(true);
    tokenizer
}

fn encode(encoder: &mut Encoder, text: &str) -> Vec<u32> {
    let mut ids = vec![u32::MAX];
    encoder.encode_into(text, &mut ids);
    assert_eq!(ids[0], u32::MAX, "what was there is kept");
    ids.split_off(1)
}

/// What the whole of our normalizer makes of a text.
fn normalize(text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    layout::normalizer().normalize(&mut normalized).expect("normalises");
    normalized.get().to_owned()
}

#[test]
fn ids_are_laid_out_as_in_drbert() {
    for algorithm in ALGORITHMS {
        let vocab_size = 120;
        let folder = saved(algorithm, vocab_size);
        let tokenizer = library(folder.path());
        let first: Vec<String> = (0..7).filter_map(|id| tokenizer.id_to_token(id)).collect();
        assert_eq!(first, ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]);
        assert_eq!(tokenizer.get_vocab_size(true), vocab_size + 5, "{algorithm:?}");
        assert_eq!(tokenizer.token_to_id("<mask>"), Some(vocab_size as u32 + 4));
        assert!((0..vocab_size as u32 + 5).all(|id| tokenizer.id_to_token(id).is_some()));

        let encoder = encoder(folder.path());
        assert!(encoder.is_cached());
        assert_eq!(encoder.vocab_size(), vocab_size + 5);
        let special = encoder.special_tokens();
        assert_eq!((special.bos, special.eos, special.pad, special.unk, special.mask), (5, 6, 1, 3, 124));
        assert_eq!(special.all, [0, 1, 2, 3, 4, 5, 6, 124]);
    }
}

#[test]
fn pairs_and_masks_are_framed_as_in_camembert() {
    let folder = saved(Algorithm::Bpe, 150);
    let tokenizer = Tokenizer::from_file(folder.path().join(TOKENIZER_FILES[0])).expect("loads");
    let tokens = |encoding: tokenizers::Encoding| encoding.get_tokens().iter().map(|token| token.trim()).collect::<Vec<_>>().join(" ");
    assert_eq!(tokens(tokenizer.encode("a", true).expect("encodes")), "<s> ▁a </s>");
    assert_eq!(tokens(tokenizer.encode(("a", "b"), true).expect("encodes")), "<s> ▁a </s> </s> ▁b </s>");
    assert_eq!(tokens(tokenizer.encode("a <mask> a", true).expect("encodes")), "<s> ▁a <mask> ▁a </s>");
}

#[test]
fn the_same_text_gives_the_same_files_whatever_the_threads_and_the_order_of_counting() {
    for algorithm in ALGORITHMS {
        let files = [1, 2, 3].map(|num_threads| {
            let mut counts = WordCounts::default();
            let mut lines: Vec<&str> = TEXT.lines().collect();
            lines.rotate_left(num_threads);
            for share in lines.chunks(num_threads) {
                let mut counter = WordCounts::default();
                for line in share {
                    counter.add(line);
                }
                counts.merge(counter);
            }
            let threads = ThreadPoolBuilder::new().num_threads(num_threads).build().expect("threads");
            let folder = TempDir::new().expect("a scratch folder");
            let trained = threads.install(|| TrainedTokenizer::train(algorithm, 250, counts)).expect("trains");
            trained.save(folder.path()).expect("saves");
            TOKENIZER_FILES.map(|name| fs::read_to_string(folder.path().join(name)).expect("was written"))
        });
        assert!(files[0] == files[1] && files[0] == files[2], "{algorithm:?}");
    }
}

#[test]
fn what_cannot_be_learned_is_refused_or_left_out() {
    let error = |vocab_size, text| ALGORITHMS.map(|algorithm| train(algorithm, vocab_size, text).err().unwrap_or_default());
    let [bpe, unigram] = error(32_000, " \n\u{200b}\t");
    assert_eq!(bpe, "no word in the input: nothing to learn a vocabulary from");
    assert_eq!(bpe, unigram);
    assert_eq!(error(6, "a bc")[0], "a vocabulary of 6 cannot hold the 4 characters of the input: ask for at least 8");
    assert_eq!(train(Algorithm::Bpe, 8, "a bc").map(|trained| trained.vocab_size()), Ok(13));
    for algorithm in ALGORITHMS {
        let trained = train(algorithm, 32_000, "le la les").expect("a warning, no error");
        assert!(trained.vocab_size() < 60, "{algorithm:?}: {}", trained.vocab_size());
        let folder = TempDir::new().expect("a scratch folder");
        trained.save(folder.path()).expect("saves");
        assert_eq!(encoder(folder.path()).special_tokens().mask as usize, trained.vocab_size() - 1);
    }
}

#[test]
fn a_piece_has_at_most_16_characters() {
    for algorithm in ALGORITHMS {
        let trained = train(algorithm, 400, &"hospitalisation anticoagulations ".repeat(50)).expect("trains");
        let folder = TempDir::new().expect("a scratch folder");
        trained.save(folder.path()).expect("saves");
        let pieces = library(folder.path()).get_vocab(false).into_keys();
        let longest = pieces.map(|piece| piece.chars().count()).max();
        assert!(longest <= Some(16) && (longest == Some(16) || algorithm == Algorithm::Unigram), "{algorithm:?}: {longest:?}");
    }
}

#[test]
fn a_folder_that_holds_something_is_not_overwritten() {
    let folder = saved(Algorithm::Bpe, 150);
    let error = train(Algorithm::Bpe, 150, TEXT).expect("trains").save(folder.path()).expect_err("it is not empty").to_string();
    assert!(
        error.starts_with(&folder.path().display().to_string()) && error.ends_with("is not empty: choose another --output or empty it"),
        "{error}"
    );
}

#[test]
fn normalisation_is_nmt_nfkc() {
    for (text, expected) in [
        ("  deux\u{a0}mots\u{202f}:\t\n fin\u{2003} ", "deux mots : fin"),
        ("m² CO₂ 5 µg ½ ª º ™ … ①", "m2 CO2 5 μg 1⁄2 a o TM ... 1"),
        ("immunode\u{301}ﬁcientes œuvre ĳ", "immunodéficientes œuvre ij"),
        ("Ａ１％ ﾊﾝ ～", "A1% ハン ～"),
        ("a\u{1}b\u{7f}c\u{8f}d\u{9f}e\u{b}f", "abcdef"),
        ("a\u{200b}b\u{feff}c\u{2581}d\u{fffd}e\u{61c}f", "a b c d e f"),
        ("x\u{200d}y a\u{ad}b c\u{85}d", "x\u{200d}y a\u{ad}b c\u{85}d"),
        ("¨ \u{301}", "\u{308} \u{301}"),
        ("l’œil d'œil « œil »", "l’œil d'œil « œil »"),
    ] {
        assert_eq!(normalize(text), expected, "{text:?}");
    }
}

#[test]
fn words_taken_for_normal_are_normal() {
    let normal: Vec<char> = ('\0'..=char::MAX).filter(|character| layout::is_normalized(&character.to_string())).collect();
    assert!(normal.contains(&'é') && !normal.contains(&' ') && !normal.contains(&'²'));
    for first in &normal {
        let word: String = normal.iter().flat_map(|second| [*first, *second]).collect();
        assert_eq!(normalize(&word), word);
    }
}

#[test]
fn special_tokens_in_text_are_text() {
    let text = "<mask> </s> <s> <pad> <s>NOTUSED a<unk>b [MASK][SEP] [PAD]";
    for folder in [saved(Algorithm::Bpe, 250), saved(Algorithm::Unigram, 250), saved_bert()] {
        let mut encoder = encoder(folder.path());
        let ids = encode(&mut encoder, text);
        let special = encoder.special_tokens();
        assert!(ids.len() > 10 && ids.iter().all(|id| *id == special.unk || !special.all.contains(id)), "{ids:?}");
        assert_eq!(ids, library(folder.path()).encode(text, false).expect("encodes").get_ids());
    }
}

#[test]
fn special_tokens_are_found_by_any_of_their_usual_names() {
    let folder = saved_bert();
    let encoder = encoder(folder.path());
    let special = encoder.special_tokens();
    assert_eq!((special.pad, special.unk, special.bos, special.eos, special.mask), (0, 1, 2, 3, 4));
    assert_eq!(special.all, [0, 1, 2, 3, 4]);
    fs::write(folder.path().join(TOKENIZER_FILES[2]), r#"{"cls_token": "[CLS]"}"#).expect("writes");
    let error = Encoder::from_dir(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("names no end token that tokenizer.json has: expected it under eos_token or sep_token"), "{error}");
}

#[test]
fn a_tokenizer_that_may_look_beyond_words_is_given_whole_texts() {
    let folder = saved(Algorithm::Bpe, 250);
    let path = folder.path().join(TOKENIZER_FILES[0]);
    let json = fs::read_to_string(&path).expect("reads");
    for (part, other) in [
        ("\"always\"", "\"first\""),
        ("\" {2,}\"", "\" {3,}\""),
        ("\"dropout\": null", "\"dropout\": 0.5"),
        ("\"special\": true", "\"special\": false"),
    ] {
        fs::write(&path, json.replacen(part, other, 1)).expect("writes");
        assert!(!encoder(folder.path()).is_cached(), "{part}");
    }
    fs::write(&path, json.replacen("\"always\"", "\"first\"", 1)).expect("writes");
    assert_eq!(encode(&mut encoder(folder.path()), TEXT), library(folder.path()).encode(TEXT, false).expect("encodes").get_ids());
}

#[test]
fn a_file_that_is_no_tokenizer_is_named() {
    let folder = TempDir::new().expect("a scratch folder");
    let message = || Encoder::from_dir(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message().ends_with("tokenizer.json: cannot be read"), "{}", message());
    fs::write(folder.path().join(TOKENIZER_FILES[0]), "{}").expect("writes");
    assert!(message().contains("tokenizer.json: not a tokenizer that the tokenizers library can load"), "{}", message());
    let json = fs::read_to_string(saved(Algorithm::Bpe, 150).path().join(TOKENIZER_FILES[0])).expect("reads");
    let without_unknown = json.replacen(r#""unk_token": "<unk>""#, r#""unk_token": "none""#, 1);
    fs::write(folder.path().join(TOKENIZER_FILES[0]), without_unknown).expect("writes");
    assert!(message().contains("tokenizer.json: not a tokenizer that the tokenizers library can load"), "{}", message());
}

/// Text that is hard on tokenizers: French, marks that combine, every kind of space, other scripts, special tokens, long words.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zé ]{1,12}",
        2 => "[A-Za-zÀ-ÿœ'’.,;:!?()0-9%/ -]{1,20}",
        1 => "[\u{300}-\u{36f}\u{200d}\u{fe0f}]{1,3}",
        1 => "[ \n\r\t\u{b}\u{c}\u{1c}\u{85}\u{a0}\u{1680}\u{2000}-\u{200f}\u{2028}\u{202f}\u{3000}\u{feff}]{1,4}",
        1 => "[²³½µªºﬁﬂ…™①～Ａ１▁\u{fffd}\u{0}\u{1}\u{7f}]{1,4}",
        1 => "[一-鿿가-힣あ-んア-ンｱ-ﾝα-ωа-яא-ת😀-🙏]{1,4}",
        1 => prop::sample::select(vec!["<mask>", "</s>", "<s>NOTUSED", "<unk>", "<pad>", "[MASK]", "[SEP]", "##e"]).prop_map(str::to_owned),
        1 => "[a-zé-]{14,80}",
        1 => any::<String>(),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn check_any_text(check: impl FnMut(&str) -> TestCaseResult) {
    let check = RefCell::new(check);
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    if let Err(error) = TestRunner::new(config).run(&any_text(), |text| (check.borrow_mut())(&text)) {
        panic!("{error}");
    }
}

#[test]
fn ids_are_the_librarys_on_any_text() {
    for folder in [saved(Algorithm::Bpe, 250), saved(Algorithm::Unigram, 250), saved_bert()] {
        let (mut encoder, library) = (encoder(folder.path()), library(folder.path()));
        assert!(encoder.is_cached());
        check_any_text(|text| {
            let expected = library.encode(text, false).expect("encodes");
            prop_assert_eq!(encode(&mut encoder, text), expected.get_ids());
            prop_assert_eq!(encode(&mut encoder, text), expected.get_ids(), "from the cache");
            Ok(())
        });
    }
}

#[test]
fn decoding_gives_the_normalised_text_back() {
    let folder = saved(Algorithm::Bpe, 250);
    let mut encoder = encoder(folder.path());
    let mut num_round_trips = 0;
    check_any_text(|text| {
        let ids = encode(&mut encoder, text);
        if !ids.contains(&encoder.special_tokens().unk) {
            prop_assert_eq!(encoder.decode(&ids), normalize(text));
            num_round_trips += 1;
        }
        Ok(())
    });
    assert!(num_round_trips > 100, "{num_round_trips}");
}

/// The lines of every file of an optional corpus of real text.
fn corpus() -> Option<BTreeMap<PathBuf, String>> {
    let root =
        std::env::var_os("DRBERT_CORPUS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let folders = ["medical", "general", "negatives"].map(|name| fs::read_dir(root.join(name)));
    let files: Vec<PathBuf> = folders.into_iter().flatten().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    let text = |path: PathBuf| {
        let bytes = zstd::decode_all(fs::File::open(&path).expect("opens")).expect("is zstd");
        (path, String::from_utf8_lossy(&bytes).into_owned())
    };
    (!files.is_empty()).then(|| files.into_iter().map(text).collect())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that checks nothing must say so")]
fn ids_are_the_librarys_on_every_line_of_the_corpus() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: no corpus in DRBERT_CORPUS or beside the repository");
        return;
    };
    let mut counts = WordCounts::default();
    for text in corpus.values() {
        counts.add(text);
    }
    let folder = TempDir::new().expect("a scratch folder");
    TrainedTokenizer::train(Algorithm::Bpe, 8_000, counts).expect("trains").save(folder.path()).expect("saves");
    let (mut encoder, library) = (encoder(folder.path()), library(folder.path()));
    for (path, text) in corpus {
        let lines: Vec<&str> = text.lines().collect::<BTreeSet<_>>().into_iter().collect();
        for lines in lines.chunks(1_000) {
            let expected = library.encode_batch_fast(lines.to_vec(), false).expect("encodes");
            for (line, expected) in lines.iter().zip(expected) {
                let ids = encode(&mut encoder, line);
                assert_eq!(ids, expected.get_ids(), "{}: {line}", path.display());
            }
        }
    }
}
