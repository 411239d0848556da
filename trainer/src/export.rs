//! From a checkpoint to a model directory that Hugging Face transformers loads.

use std::{fs, path::Path};

use schemas::TOKENIZER_DIR;

use crate::{
    checkpoint::{self, EvaluationRecord, State},
    config::Config,
    error::{AtPath, Error, Result},
    init_from::Origin,
    model::{config::CONFIG_FILE, weights::MODEL_FILE},
    progress::with_thousands,
    tokenizer,
};

const MODEL_CARD_FILE: &str = "README.md";

/// Which weights of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    Last,
    /// Their moving average.
    Average,
}

/// Writes `config.json`, `model.safetensors`, the tokenizer's files and a model card into `output`. Returns the mask as the tokenizer
/// writes it.
pub fn run(checkpoint: &Path, output: &Path, which: Weights) -> Result<String> {
    let checkpoint = checkpoint::open(checkpoint)?;
    if output.join(CONFIG_FILE).exists() {
        return Err(Error::BadSetting {
            setting: "--output",
            found: output.display().to_string(),
            expected: "a folder that does not hold a model yet".into(),
        });
    }
    let source = match which {
        Weights::Last => checkpoint.directory.join(MODEL_FILE),
        Weights::Average => checkpoint.average_file().ok_or_else(|| Error::BadSetting {
            setting: "--ema",
            found: checkpoint.directory.display().to_string(),
            expected: "a checkpoint of a run with optimizer.ema_decay above 0".into(),
        })?,
    };
    fs::create_dir_all(output).at_path(output)?;
    checkpoint::copy_tokenizer(&checkpoint.directory.join(TOKENIZER_DIR), output)?;
    tokenizer::limit_length(output, checkpoint.state.model.max_segment_length())?;
    let weights = output.join(MODEL_FILE);
    fs::copy(&source, &weights).at_path(&weights)?;
    let card = output.join(MODEL_CARD_FILE);
    let mask = tokenizer::mask_token(output)?;
    fs::write(&card, model_card(&checkpoint.state, &mask)?).at_path(&card)?;
    let config = output.join(CONFIG_FILE);
    fs::write(&config, checkpoint.state.model.to_json().at_path(&config)?).at_path(&config)?;
    Ok(mask)
}

/// A model card is for everyone; the paths of the machine that trained are not.
fn without_paths(config: &Config) -> Config {
    let mut config = config.clone();
    config.data.shards.clear();
    config.train.output.clear();
    config.train.init_from.clear();
    config
}

fn model_card(state: &State, mask: &str) -> Result<String> {
    let State { program_version, step, config, model, data, origin, last_evaluation, .. } = state;
    let (manifest_hash, tokenizer_hash) = (data.manifest_hash, data.tokenizer_hash);
    let (rows, tokens) = (with_thousands(data.num_rows), with_thousands(data.num_tokens));
    let shape = format!("{} × {}", model.num_hidden_layers, model.hidden_size);
    let batch = config.data.global_batch_size;
    let (title, architecture) = (model.model_type.title(), model.model_type.architecture());
    let (origin_en, origin_fr) = match origin {
        None => ("random weights".to_owned(), "poids aléatoires".to_owned()),
        Some(Origin { files, .. }) => {
            let hashes = files.iter().map(|file| format!("`{}`", file.xxh3)).collect::<Vec<_>>().join(", ");
            (format!("a model whose weights have the hash {hashes}"), format!("un modèle dont les poids ont l'empreinte {hashes}"))
        }
    };
    let config = serde_json::to_string_pretty(&without_paths(config)).at_path(MODEL_CARD_FILE)?;
    let (evaluation_en, evaluation_fr) = match last_evaluation {
        None => ("no evaluation was made".to_owned(), "aucune évaluation n'a été faite".to_owned()),
        Some(EvaluationRecord { step, result }) => (
            format!(
                "loss {:.4}, perplexity {:.2}, accuracy {:.1}% on {} held-out rows with 15% masked (step {step})",
                result.loss,
                result.perplexity,
                100.0 * result.accuracy,
                result.rows
            ),
            format!(
                "perte {:.4}, perplexité {:.2}, exactitude {:.1} % sur {} lignes réservées, 15 % masqués (étape {step})",
                result.loss,
                result.perplexity,
                100.0 * result.accuracy,
                result.rows
            ),
        ),
    };
    Ok(format!(
        "---
language: fr
library_name: transformers
pipeline_tag: fill-mask
---

# {title} {shape}, masked language model

| | |
|---|---|
| Architecture | `{architecture}`, {shape}, {} attention heads, vocabulary {} |
| Training | {step} steps of {batch} rows, drbert {program_version} |
| Begun from | {origin_en} |
| Data | {rows} rows, {tokens} tokens; manifest hash `{manifest_hash}` |
| Tokenizer | hash `{tokenizer_hash}` |
| Last evaluation | {evaluation_en} |

```python
from transformers import pipeline
fill_mask = pipeline(\"fill-mask\", model=\"path/to/this/folder\")
fill_mask(\"La patiente est atteinte d'une {mask}.\")
```

A language model repeats what its corpus says, errors and prejudices included, and may repeat passages of it. It is not a medical device.

## En français

| | |
|---|---|
| Architecture | `{architecture}`, {shape}, {} têtes d'attention, vocabulaire de {} entrées |
| Entraînement | {step} étapes de {batch} lignes, drbert {program_version} |
| Point de départ | {origin_fr} |
| Données | {rows} lignes, {tokens} jetons ; empreinte du manifeste `{manifest_hash}` |
| Segmenteur | empreinte `{tokenizer_hash}` |
| Dernière évaluation | {evaluation_fr} |

Un modèle de langue répète ce que dit son corpus, erreurs et préjugés compris, et peut en répéter des passages. Ce n'est pas un dispositif médical.

## Configuration

```json
{config}
```
",
        model.num_attention_heads, model.vocab_size, model.num_attention_heads, model.vocab_size,
    ))
}
