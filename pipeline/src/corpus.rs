//! All inputs of a run, and the source that each file belongs to.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemas::{
    TOKENIZER_DIR,
    manifest::{SourceTotals, Totals},
    part::{PartInput, PartManifest},
};

use crate::{
    config::{Config, InputConfig, SourceConfig},
    read::{self, Compression, Format, Input, ReadError, Resolved},
    resume::InputIdentity,
    verify::{VerifyError, check_file, read_part},
    write::FileNames,
};

/// The source of files that no `[[sources]]` section names.
const DEFAULT_SOURCE: &str = "default";

pub struct Corpus {
    /// What is read, each with the number of its file.
    pub inputs: Vec<(u32, Input)>,
    /// The files that documents come from.
    pub files: Vec<PartInput>,
    pub sources: Vec<SourceConfig>,
    /// What tells all inputs from others; where a part's begin and end depends on all.
    pub identities: BTreeMap<String, InputIdentity>,
    /// What other processes counted when they cleaned the inputs.
    counted: Vec<Totals>,
}

/// What `nachos merge` makes a shard directory of.
pub struct MergedParts {
    pub corpus: Corpus,
    pub config: Config,
    /// The tokenizer's folder.
    pub tokenizer: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    #[error("no part was named")]
    None,
    #[error(transparent)]
    Directory(#[from] VerifyError),
    #[error("{}; expected each of the parts 1 to {of} once", amiss(*.of, found))]
    Incomplete { of: usize, found: Vec<usize> },
    #[error("{other}: is a part of another build than {first}: inputs, settings, tokenizer and program must be the same")]
    Different { first: PathBuf, other: PathBuf },
    #[error("the parts' settings cannot be read")]
    Config(#[source] serde_json::Error),
}

/// What is wrong with the numbers of parts, which are in order.
fn amiss(of: usize, found: &[usize]) -> String {
    let missing: Vec<String> = (1..=of).filter(|number| !found.contains(number)).map(|number| number.to_string()).collect();
    match (missing.as_slice(), found.windows(2).find(|pair| pair[0] == pair[1])) {
        ([], Some(pair)) => format!("part {} is there twice", pair[0]),
        ([], None) => "there are parts of other builds".to_owned(),
        ([one], _) => format!("part {one} is missing"),
        (several, _) => format!("parts {} are missing", several.join(", ")),
    }
}

impl Corpus {
    /// The files of `paths`, or of all sources in their order if there are none; those in the folder `output` are none of them.
    pub fn resolve(paths: &[impl AsRef<Path>], sources: &[SourceConfig], output: Option<&Path>) -> Result<Self, ReadError> {
        let mut sources = sources.to_vec();
        let by_source: Vec<Vec<Input>> =
            sources.iter().map(|source| Ok(Resolved::of(&source.paths, output)?.inputs)).collect::<Result<_, ReadError>>()?;
        let numbered = |(number, inputs): (usize, Vec<Input>)| inputs.into_iter().map(move |input| (number, input));
        let with_source: Vec<(usize, Input)> = if paths.is_empty() {
            by_source.into_iter().enumerate().flat_map(numbered).collect()
        } else {
            let known: BTreeMap<PathBuf, usize> =
                by_source.into_iter().enumerate().flat_map(numbered).map(|(number, input)| (canonical(&input.path), number)).collect();
            let default = sources.len();
            let source_of = |input: &Input| known.get(&canonical(&input.path)).copied().unwrap_or(default);
            Resolved::of(paths, output)?.inputs.into_iter().map(|input| (source_of(&input), input)).collect()
        };
        if with_source.iter().any(|(source, _)| *source == sources.len()) {
            sources.push(default_source());
        }
        let file =
            |(source, input): &(usize, Input)| PartInput { path: input.source().to_string(), bytes: input.file_bytes, source: *source };
        let files = with_source.iter().map(file).collect();
        let inputs: Vec<_> = (0..).zip(with_source.into_iter().map(|(_, input)| input)).collect();
        Ok(Self { identities: identities(&inputs), inputs, files, sources, counted: Vec::new() })
    }

    /// The cleaned documents of the parts in these folders, which must be all parts of one build.
    pub fn of_parts(folders: &[PathBuf]) -> Result<MergedParts, PartsError> {
        let mut parts: Vec<(&PathBuf, PartManifest)> =
            folders.iter().map(|folder| Ok((folder, read_part(folder)?))).collect::<Result<_, VerifyError>>()?;
        parts.sort_by_key(|(_, part)| part.part);
        let Some((first_folder, first)) = parts.first() else { return Err(PartsError::None) };
        let found: Vec<usize> = parts.iter().map(|(_, part)| part.part).collect();
        if found != (1..=first.of).collect::<Vec<_>>() {
            return Err(PartsError::Incomplete { of: first.of, found });
        }
        let is_same = |part: &PartManifest| {
            (&part.program_version, &part.config, part.tokenizer, &part.inputs, part.of)
                == (&first.program_version, &first.config, first.tokenizer, &first.inputs, first.of)
        };
        if let Some((folder, _)) = parts.iter().find(|(_, part)| !is_same(part)) {
            return Err(PartsError::Different { first: (*first_folder).clone(), other: (*folder).clone() });
        }
        let config: Config = serde_json::from_value(first.config.clone()).map_err(PartsError::Config)?;
        let mut inputs = Vec::new();
        for (folder, part) in &parts {
            for file in &part.files {
                check_file(folder, file)?;
                let path = folder.join(&file.file);
                inputs.push((
                    0,
                    Input { path, format: Format::Part, compression: Compression::None, file_bytes: file.bytes, range: 0..u64::MAX },
                ));
            }
        }
        let has_default = first.totals.sources.len() > config.sources.len();
        let sources = config.sources.iter().cloned().chain(has_default.then(default_source)).collect();
        let counted = parts.iter().map(|(_, part)| part.totals.clone()).collect();
        let files = first.inputs.clone();
        let corpus = Self { identities: identities(&inputs), inputs, files, sources, counted };
        Ok(MergedParts { tokenizer: first_folder.join(TOKENIZER_DIR), config, corpus })
    }

    /// The same corpus with only the inputs of one of several parts.
    pub fn part(self, config: &InputConfig, part: usize, of: usize) -> Result<Self, ReadError> {
        let inputs: Vec<Input> = self.inputs.into_iter().map(|(_, input)| input).collect();
        let own = read::share(&inputs, config, part, of)?;
        Ok(Self { inputs: own.into_iter().map(|(number, input)| (number as u32, input)).collect(), ..self })
    }

    /// Whether this file is read.
    pub fn has_input(&self, path: &Path) -> bool {
        let path = canonical(path);
        path.is_file() && self.inputs.iter().any(|(_, input)| canonical(&input.path) == path)
    }

    pub fn total_bytes(&self) -> u64 {
        self.inputs.iter().map(|(_, input)| input.bytes_to_read()).sum()
    }

    pub fn weight_of(&self, file: u32) -> f64 {
        self.sources[self.files[file as usize].source].weight
    }

    pub fn source_of(&self, file: u32) -> usize {
        self.files[file as usize].source
    }

    /// Totals in which every source stands, with nothing counted but its files.
    pub fn nothing_counted(&self) -> Totals {
        let mut totals = Totals::default();
        for SourceConfig { name, licence, weight, .. } in &self.sources {
            totals.sources.push(SourceTotals { name: name.clone(), licence: licence.clone(), weight: *weight, ..SourceTotals::default() });
        }
        for file in &self.files {
            totals.sources[file.source].files += 1;
        }
        totals.read.files = self.files.len() as u64;
        for part in &self.counted {
            add(&part.clean.changes, &mut totals.clean.changes);
            add(&part.clean.identities, &mut totals.clean.identities);
        }
        totals
    }

    pub fn file_names(&self) -> FileNames {
        let names: Vec<Arc<str>> = self.sources.iter().map(|source| source.name.as_str().into()).collect();
        FileNames {
            files: self.files.iter().map(|file| file.path.as_str().into()).collect(),
            sources: self.files.iter().map(|file| names[file.source].clone()).collect(),
        }
    }
}

fn identities(inputs: &[(u32, Input)]) -> BTreeMap<String, InputIdentity> {
    inputs.iter().enumerate().map(|(number, (_, input))| (input.source().to_string(), InputIdentity::of(number, input))).collect()
}

fn add(counts: &BTreeMap<String, u64>, sum: &mut BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sum.entry(name.clone()).or_default() += count;
    }
}

fn default_source() -> SourceConfig {
    SourceConfig { name: DEFAULT_SOURCE.into(), paths: Vec::new(), licence: String::new(), weight: 1.0 }
}

/// The path without links; of what is not there yet, that of its folder and its name.
fn canonical(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
    };
    fs::canonicalize(path).ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// Whether the same file would be written.
pub fn is_same_file(first: &Path, second: &Path) -> bool {
    canonical(first) == canonical(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_the_source_that_names_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a.txt", "b.txt", "c.txt"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let source =
            |name: &str, file: &str| SourceConfig { name: name.into(), paths: vec![path(file)], licence: String::new(), weight: 2.0 };
        let sources = [source("second", "b.txt"), source("first", "a.txt")];
        let found = |paths: &[String]| -> Vec<(String, String)> {
            let names = Corpus::resolve(paths, &sources, None).expect("files").file_names();
            names.files.iter().zip(&names.sources).map(|(file, source)| (file[file.len() - 5..].to_owned(), source.to_string())).collect()
        };
        let pair = |file: &str, source: &str| (file.to_owned(), source.to_owned());
        assert_eq!(found(&[]), [pair("b.txt", "second"), pair("a.txt", "first")]);
        assert_eq!(found(&[path("")]), [pair("a.txt", "first"), pair("b.txt", "second"), pair("c.txt", "default")]);
    }
}
