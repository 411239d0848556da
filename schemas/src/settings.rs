//! The settings language of both programs: a TOML file, and `KEY=VALUE` overrides from the command line.
//!
//! A settings struct derives `Default`, `Serialize` and `Deserialize` with `#[serde(default, deny_unknown_fields)]`. The keys of
//! its default value are the known ones, so an unknown key can be answered with the nearest.

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    #[error("{file}: not a TOML file: {message}")]
    Syntax { file: String, message: String },
    #[error("--set {given}: expected KEY=VALUE, for example --set pack.max_seq_len=256")]
    Override { given: String },
    #[error("--set {given}: {parent} is a value, so it has no key below it")]
    NotATable { given: String, parent: String },
    #[error("unknown setting {key:?}{}", nearest.as_ref().map(|key| format!("; did you mean {key:?}?")).unwrap_or_default())]
    UnknownKey { key: String, nearest: Option<String> },
    #[error("bad setting: {message}")]
    BadValue { message: String },
}

/// Reads settings from the text of a TOML file, if there is one, then applies the overrides in order.
///
/// `file` is the file's name, for messages, and its text. An override's value is TOML (`3`, `true`, `"fr"`, `[1, 2]`); what is not TOML is taken as a string,
/// so that `clean.language=fr` needs no quotes inside quotes.
pub fn load<T>(file: Option<(&str, &str)>, overrides: &[String]) -> Result<T, SettingsError>
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut table = match file {
        Some((name, text)) => {
            text.parse::<Table>().map_err(|error| SettingsError::Syntax { file: name.to_owned(), message: one_line(&error.to_string()) })?
        }
        None => Table::new(),
    };
    for given in overrides {
        apply_override(&mut table, given)?;
    }
    let mut keys = Vec::new();
    collect_keys(&table, "", &mut |key, value| keys.extend(value.as_float().is_some_and(|number| !number.is_finite()).then_some(key)));
    if let Some(key) = keys.first() {
        return Err(SettingsError::BadValue { message: format!("{key}: expected a finite number") });
    }
    table.clone().try_into().map_err(|error: toml::de::Error| {
        unknown_key::<T>(&table).unwrap_or_else(|| SettingsError::BadValue { message: one_line(&error.to_string()) })
    })
}

fn apply_override(table: &mut Table, given: &str) -> Result<(), SettingsError> {
    let malformed = || SettingsError::Override { given: given.to_owned() };
    let (path, text) = given.split_once('=').ok_or_else(malformed)?;
    let (path, text) = (path.trim(), text.trim());
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(malformed)?;
    let value = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| (parsed.len() == 1).then(|| parsed.remove("value")).flatten())
        .unwrap_or_else(|| Value::String(text.to_owned()));
    let mut target = table;
    for key in keys {
        let entry = target.entry(key).or_insert_with(|| Value::Table(Table::new()));
        target = entry.as_table_mut().ok_or_else(|| SettingsError::NotATable { given: given.to_owned(), parent: key.to_owned() })?;
    }
    target.insert(last.to_owned(), value);
    Ok(())
}

/// The first key of `table` that the default settings do not have, with the nearest one that they do.
fn unknown_key<T: Default + Serialize>(table: &Table) -> Option<SettingsError> {
    let mut known = Vec::new();
    collect_keys(&Table::try_from(T::default()).ok()?, "", &mut |key, _| known.push(key));
    let mut present = Vec::new();
    collect_keys(table, "", &mut |key, _| present.push(key));
    let key = present.into_iter().find(|key| !known.contains(key))?;
    let distance = |candidate: &&String| strsim::damerau_levenshtein(&key, candidate).min(3 * last_part_distance(&key, candidate));
    let is_setting = |candidate: &&String| !known.iter().any(|other| other.starts_with(&format!("{candidate}.")));
    let nearest = known.iter().filter(is_setting).min_by_key(distance).filter(|candidate| distance(candidate) <= key.len() / 2).cloned();
    Some(SettingsError::UnknownKey { key, nearest })
}

/// How far apart the last parts are: `max_seq_len` at the top level still finds `pack.max_seq_len`.
fn last_part_distance(left: &str, right: &str) -> usize {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    strsim::damerau_levenshtein(&last(left), &last(right)) + usize::from(left != right)
}

fn collect_keys(table: &Table, prefix: &str, take: &mut impl FnMut(String, &Value)) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        if let Value::Table(inner) = value {
            collect_keys(inner, &format!("{path}."), take);
        }
        take(path, value);
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        language: String,
        pack: Pack,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Pack {
        max_seq_len: usize,
        optional: Option<String>,
    }

    fn check(file: &str, overrides: &[&str], expected: Result<Settings, &str>) {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let found = load::<Settings>(Some(("run.toml", file)), &overrides).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    fn settings(language: &str, max_seq_len: usize, optional: Option<&str>) -> Settings {
        Settings { language: language.into(), pack: Pack { max_seq_len, optional: optional.map(Into::into) } }
    }

    #[test]
    fn overrides_win_over_the_file_and_need_no_quotes() {
        check("[pack]\nmax_seq_len = 128", &["pack.max_seq_len=64", "language=fr"], Ok(settings("fr", 64, None)));
        check("", &["language=\"fr\"", "pack.optional = a=b"], Ok(settings("fr", 0, Some("a=b"))));
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        check("[pack]\nmax_seq_length = 1", &[], Err("unknown setting \"pack.max_seq_length\"; did you mean \"pack.max_seq_len\"?"));
        check("", &["max_seq_len=3"], Err("unknown setting \"max_seq_len\"; did you mean \"pack.max_seq_len\"?"));
        check("", &["pack.zz=3"], Err("unknown setting \"pack.zz\""));
        check("", &["pack.max_seq_len=-inf"], Err("bad setting: pack.max_seq_len: expected a finite number"));
        check("", &["zzzzzz=3"], Err("unknown setting \"zzzzzz\""));
    }

    #[test]
    fn a_bad_value_or_override_is_one_clear_line() {
        check("", &["pack"], Err("--set pack: expected KEY=VALUE, for example --set pack.max_seq_len=256"));
        check("language = \"fr\"", &["language.x=1"], Err("--set language.x=1: language is a value, so it has no key below it"));
        let error = load::<Settings>(None, &["pack.max_seq_len=long".into()]).expect_err("a word is not a number").to_string();
        assert!(
            error.starts_with("bad setting: invalid type: string \"long\", expected usize") && error.contains("max_seq_len"),
            "{error}"
        );
        let error = load::<Settings>(Some(("run.toml", "a =")), &[]).expect_err("not TOML").to_string();
        assert!(error.starts_with("run.toml: not a TOML file: ") && !error.contains('\n'), "{error}");
    }
}
