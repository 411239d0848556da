//! What all ranks must have in common, compared and not assumed: program, settings, data, starting point, parameters.

use std::collections::HashMap;

use schemas::hash::StreamingHash;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::process_group::ProcessGroup;
use crate::{
    checkpoint::State,
    error::{AtPath, Error, Result},
};

/// Bytes that are copied from a device at once to be hashed.
const HASHED_AT_ONCE: i64 = 16 << 20;

/// Fails on every rank alike, if one begins with something else than rank 0.
pub fn check_start(group: &ProcessGroup, state: &State, masters: &Tensor) -> Result<()> {
    if group.world().world_size == 1 {
        return Ok(());
    }
    // What differs first is named, so causes come before effects.
    let device = if masters.device().is_cuda() { "a CUDA device" } else { "the CPU" };
    let mut facts = vec![("program version".to_owned(), state.program_version.clone()), ("place to compute".to_owned(), device.to_owned())];
    flatten("", &serde_json::to_value(&state.config).at_path("settings")?, &mut facts);
    flatten("shards", &serde_json::to_value(&state.data).at_path(&state.config.data.shards)?, &mut facts);
    facts.push(("step to go on from".to_owned(), state.step.to_string()));
    flatten("recovery", &serde_json::to_value(state.recovery).at_path("recovery")?, &mut facts);
    facts.push(("parameters".to_owned(), hash_of(masters)?));
    compare(group, &facts)
}

/// Fails on every rank alike, if one has other parameters than rank 0.
pub fn check_parameters(group: &ProcessGroup, step: u64, masters: &Tensor) -> Result<()> {
    compare(group, &[(format!("parameters after step {step}"), hash_of(masters)?)])
}

fn compare(group: &ProcessGroup, facts: &[(String, String)]) -> Result<()> {
    let lines: Vec<String> = facts.iter().map(|(what, value)| format!("{what}\t{value}")).collect();
    let all = group.gather(lines.join("\n").as_bytes())?;
    let all: Vec<String> = all.iter().map(|lines| String::from_utf8_lossy(lines).into_owned()).collect();
    first_difference(&all).map_or(Ok(()), Err)
}

/// The first line that a rank has otherwise than rank 0.
fn first_difference(all: &[String]) -> Option<Error> {
    let first = all.first()?;
    all.iter().enumerate().skip(1).find_map(|(rank, lines)| {
        let [expected, found] = [first, lines].map(|lines| facts(lines).collect::<HashMap<_, _>>());
        let (what, _) = facts(first).chain(facts(lines)).find(|(what, _)| expected.get(what) != found.get(what))?;
        let value = |facts: &HashMap<&str, &str>| facts.get(what).copied().unwrap_or("nothing").to_owned();
        Some(Error::RanksDiffer { rank, what: what.to_owned(), expected: value(&expected), found: value(&found) })
    })
}

fn facts(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines.lines().filter_map(|line| line.split_once('\t'))
}

/// The leaves of a JSON object under names such as `train.seed`.
fn flatten(prefix: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    if let Value::Object(fields) = value {
        for (name, field) in fields {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            flatten(&name, field, leaves);
        }
    } else {
        leaves.push((prefix.to_owned(), value.to_string()));
    }
}

fn hash_of(tensor: &Tensor) -> Result<String> {
    let bytes = tensor.f_detach()?.f_view_dtype(Kind::Uint8)?;
    let length = bytes.size1()?;
    let mut hash = StreamingHash::default();
    for start in (0..length).step_by(HASHED_AT_ONCE as usize) {
        let part = bytes.f_narrow(0, start, HASHED_AT_ONCE.min(length - start))?.f_to_device(Device::Cpu)?;
        hash.update(&Vec::<u8>::try_from(part)?);
    }
    Ok(hash.finish().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_names_the_rank_and_the_values() {
        let check = |all: &[&str], expected: Option<&str>| {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            let found = first_difference(&all).map(|error| error.to_string());
            assert_eq!(found.is_some(), expected.is_some());
            assert!(found.zip(expected).is_none_or(|(found, expected)| found.contains(expected)));
        };
        check(&["a\t1\nb\t2\n", "a\t1\nb\t2\n"], None);
        check(&["a\t1\nb\t2\n", "a\t1\nb\t2\n", "a\t1\nb\t3\n"], Some("rank 2 has b = 3, rank 0 has 2"));
        check(&["a\t1\n", "a\t1\nb\t3\n"], Some("rank 1 has b = 3, rank 0 has nothing"));
    }

    #[test]
    fn equal_tensors_alone_have_equal_hashes() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0, 3.0]);
        let hash = |tensor: &Tensor| hash_of(tensor).expect("a hash");
        assert_eq!(hash(&tensor), hash(&tensor.copy()));
        assert_ne!(hash(&tensor), hash(&(&tensor + 1e-6)));
    }
}
