//! The statistics as HTML.

use std::collections::BTreeMap;

use schemas::{
    documents::Verdict,
    manifest::{Manifest, SourceTotals},
};

use super::{DocumentStatistics, changed_settings, chart, meaning};

const STYLE: &str = include_str!("page.css");

pub(super) fn render(name: &str, manifest: &Manifest, documents: &DocumentStatistics) -> String {
    let title = escape(name);
    [
        format!("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}: corpus report</title>\n<style>\n{STYLE}</style>\n"),
        format!("<h1>{title}</h1>\n<p class=\"soft\">A corpus of packed token shards, made by {} {}.</p>\n", escape(&manifest.program), escape(&manifest.program_version)),
        key_figures(manifest),
        verdicts(manifest),
        sources(&manifest.totals.sources),
        lengths(documents),
        copies(manifest, documents),
        cleaning(manifest),
        shards(manifest),
        settings(manifest),
        provenance(manifest),
    ]
    .concat()
}

fn key_figures(manifest: &Manifest) -> String {
    let totals = &manifest.totals;
    let kept = kept(&totals.verdicts);
    let figures = [
        ("documents read", count(totals.read.documents), format!("{}, {} files", bytes(totals.read.bytes), count(totals.read.files))),
        ("documents kept", count(kept), percent(kept, totals.read.documents)),
        (
            "tokens",
            count(totals.pack.tokens),
            format!(
                "vocabulary {}, {} unknown",
                count(manifest.tokenizer.vocab_size as u64),
                percent(totals.pack.unknown_tokens, totals.pack.tokens)
            ),
        ),
        ("rows", count(totals.pack.rows), format!("of at most {} tokens", count(manifest.max_seq_len as u64))),
        ("filled", format!("{:.2} %", 100.0 * totals.pack.efficiency), "of the rows' places".to_owned()),
        (
            "on disk",
            bytes(totals.write.bytes),
            format!("{:.2} bytes a token", totals.write.bytes as f64 / totals.pack.tokens.max(1) as f64),
        ),
    ];
    let items =
        concat(figures.iter().map(|(what, figure, note)| format!("<div><dt>{what}</dt><dd>{figure}<small>{note}</small></dd></div>\n")));
    format!("<dl class=\"figures\">\n{items}</dl>\n")
}

fn verdicts(manifest: &Manifest) -> String {
    let total = manifest.totals.read.documents;
    let mut by_count: Vec<_> = manifest.totals.verdicts.iter().filter(|(_, number)| **number > 0).collect();
    by_count.sort_by_key(|(verdict, number)| (**verdict != *Verdict::Keep.name(), std::cmp::Reverse(**number)));
    let rows = by_count.into_iter().map(|(verdict, &number)| {
        let class = if *verdict == *Verdict::Keep.name() { "kept" } else { "dropped" };
        let share = number as f64 / total.max(1) as f64;
        vec![
            format!("<code>{}</code>", escape(verdict)),
            meaning(verdict).to_owned(),
            count(number),
            percent(number, total),
            chart::bar(share, class),
        ]
    });
    let table = table(
        &["verdict", "", "#documents", "#share", ""],
        rows,
        Some(vec!["all".to_owned(), String::new(), count(total), String::new(), String::new()]),
    );
    section("What became of the documents", &table)
}

fn sources(sources: &[SourceTotals]) -> String {
    let rows = sources.iter().map(|source| {
        let kept = kept(&source.verdicts);
        vec![
            escape(&source.name),
            escape(&source.licence),
            format!("{}", source.weight),
            count(source.files),
            bytes(source.bytes),
            count(source.documents),
            count(kept),
            percent(kept, source.documents),
            count(source.tokens),
        ]
    });
    section("Sources", &table(&["source", "licence", "#weight", "#files", "#text", "#documents", "#kept", "#share", "#tokens"], rows, None))
}

fn lengths(documents: &DocumentStatistics) -> String {
    let (Some((&first, _)), Some((&last, _))) = (documents.lengths.first_key_value(), documents.lengths.last_key_value()) else {
        return String::new();
    };
    let bars: Vec<_> = (first..=last).map(|power| (count(1 << power), documents.lengths.get(&power).copied().unwrap_or(0))).collect();
    let chart = chart::columns("Kept documents by their length in tokens", &bars, count);
    section(
        "Lengths",
        &format!(
            "<figure>{chart}<figcaption>Kept documents by their length: each column counts those of so many tokens or more, up to the next.</figcaption></figure>\n"
        ),
    )
}

fn copies(manifest: &Manifest, documents: &DocumentStatistics) -> String {
    let dedup = &manifest.totals.dedup;
    let text = format!(
        "<p>{} documents have copies, which were dropped. {} repeated paragraphs ({}) were removed from documents that were kept.</p>\n",
        count(documents.num_clusters),
        count(dedup.dropped_paragraphs),
        bytes(dedup.dropped_paragraph_bytes)
    );
    let rows = documents.clusters.iter().map(|&(id, copies)| vec![id.to_string(), count(copies)]);
    let table = table(&["#document", "#copies"], rows, None);
    let largest = if documents.clusters.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=\"narrow\"><p class=\"soft\">Most copied; <code>nachos inspect DIR --document ID</code> shows each.</p>\n{table}</div>"
        )
    };
    section("Copies", &(text + &largest))
}

fn cleaning(manifest: &Manifest) -> String {
    let counts = |counts: &BTreeMap<String, u64>, what: &str| {
        let rows =
            counts.iter().filter(|(_, number)| **number > 0).map(|(kind, &number)| vec![escape(&kind.replace('_', " ")), count(number)]);
        table(&[what, "#count"], rows, None)
    };
    let clean = &manifest.totals.clean;
    section(
        "Cleaning",
        &format!(
            "<p>{} of text were left by cleaning. Identities were hidden by rules; this is no anonymisation in the legal sense.</p>\n<div class=\"pair\"><div>{}</div><div>{}</div></div>",
            bytes(clean.bytes),
            counts(&clean.changes, "changed"),
            counts(&clean.identities, "hidden")
        ),
    )
}

fn shards(manifest: &Manifest) -> String {
    let rows = manifest.shards.iter().map(|shard| {
        vec![escape(&shard.file), count(shard.rows), count(shard.tokens), bytes(shard.bytes), format!("<code>{}</code>", shard.xxh3)]
    });
    let pack = &manifest.totals.pack;
    let sum = vec!["all".to_owned(), count(pack.rows), count(pack.tokens), bytes(manifest.totals.write.bytes), String::new()];
    let table = table(&["file", "#rows", "#tokens", "#size", "XXH3-128"], rows, Some(sum));
    section(
        "Shards",
        &format!(
            "<details{}><summary>{} files</summary>{table}</details>",
            if manifest.shards.len() <= 12 { " open" } else { "" },
            count(manifest.shards.len() as u64)
        ),
    )
}

fn settings(manifest: &Manifest) -> String {
    let rows: Vec<_> = changed_settings(manifest)
        .into_iter()
        .map(|(key, default, value)| vec![format!("<code>{}</code>", escape(&key)), escape(&value), escape(&default)])
        .collect();
    let changed = if rows.is_empty() {
        "<p>All settings have their defaults.</p>\n".to_owned()
    } else {
        table(&["setting", "value", "default"], rows, None)
    };
    let all = serde_json::to_string_pretty(&manifest.config).unwrap_or_default();
    section("Settings", &format!("{changed}<details><summary>All settings</summary><pre>{}</pre></details>\n", escape(&all)))
}

fn provenance(manifest: &Manifest) -> String {
    let version = manifest.schema_version;
    let rows = [
        ("program", format!("{} {}", escape(&manifest.program), escape(&manifest.program_version))),
        ("format", format!("version {}.{}", version.major, version.minor)),
        ("tokenizer", format!("<code>{}</code>", manifest.tokenizer.hash)),
        ("manifest", format!("<code>{}</code>", manifest.manifest_hash)),
    ];
    section("Provenance", &table(&["", "XXH3-128 where it is a hash"], rows.map(|(what, value)| vec![what.to_owned(), value]), None))
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

/// A table of HTML cells; a column whose title begins with `#` holds numbers.
fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>, sum: Option<Vec<String>>) -> String {
    let class = |title: &str| if title.starts_with('#') { " class=\"n\"" } else { "" };
    let head = concat(titles.iter().map(|title| format!("<th scope=\"col\"{}>{}</th>", class(title), title.trim_start_matches('#'))));
    let row =
        |cells: Vec<String>| -> String { concat(cells.iter().zip(titles).map(|(cell, title)| format!("<td{}>{cell}</td>", class(title)))) };
    let body = concat(rows.into_iter().map(|cells| format!("<tr>{}</tr>\n", row(cells))));
    let sum = sum.map_or_else(String::new, |cells| format!("<tr class=\"sum\">{}</tr>\n", row(cells)));
    format!("<div class=\"wide\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}{sum}</tbody></table></div>\n")
}

fn concat(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().concat()
}

fn kept(verdicts: &BTreeMap<String, u64>) -> u64 {
    verdicts.get(&*Verdict::Keep.name()).copied().unwrap_or(0)
}

/// With narrow spaces between thousands.
fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string().replace(',', "\u{202f}")
}

fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

fn percent(part: u64, whole: u64) -> String {
    let share = 100.0 * part as f64 / whole.max(1) as f64;
    if part > 0 && share < 0.01 { "&lt; 0.01 %".to_owned() } else { format!("{share:.2} %") }
}

fn escape(text: &str) -> String {
    html_escape::encode_safe(text).into_owned()
}

#[cfg(test)]
mod tests {
    use schemas::{
        hash::ContentHash,
        manifest::{FileInfo, SchemaVersion, SpecialTokens, TokenizerInfo, Totals},
    };

    use super::*;

    fn manifest() -> Manifest {
        let source = SourceTotals { name: "<i>CHU</i>".into(), licence: "R&D".into(), ..SourceTotals::default() };
        let verdicts =
            [("keep", 3), ("near_duplicate", 1_234_567), ("language_en", 1)].map(|(verdict, number)| (verdict.to_owned(), number));
        let mut totals = Totals { verdicts: verdicts.into(), sources: vec![source], ..Totals::default() };
        totals.read.documents = 1_234_571;
        Manifest {
            schema_version: SchemaVersion { major: 1, minor: 1 },
            program: "nachos".into(),
            program_version: "0.1.0".into(),
            manifest_hash: ContentHash(1),
            config: serde_json::json!({"clean": {"language": "any"}}),
            max_seq_len: 512,
            tokenizer: TokenizerInfo { hash: ContentHash(2), vocab_size: 32_005, files: Vec::new() },
            special_tokens: SpecialTokens { bos: 5, eos: 6, pad: 1, unk: 3, mask: 4, all: vec![1] },
            shards: Vec::new(),
            documents: FileInfo { file: "documents.parquet".into(), bytes: 0, xxh3: ContentHash(3) },
            totals,
        }
    }

    #[test]
    fn the_page_has_every_verdict_and_nothing_from_outside_is_markup() {
        let page = render("a<b>", &manifest(), &DocumentStatistics { lengths: [(3, 2), (5, 1)].into(), ..DocumentStatistics::default() });
        for expected in [
            "near_duplicate",
            "1\u{202f}234\u{202f}567",
            "language_en",
            "&lt; 0.01 %",
            "&lt;i&gt;CHU&lt;",
            "R&amp;D",
            "a&lt;b&gt;",
            "clean.language",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("<i>") && !page.contains("<script") && !page.contains("http"));
        let opened = |tag: &str| page.matches(&format!("<{tag}")).count() - page.matches(&format!("</{tag}>")).count();
        assert_eq!(["section", "table", "div", "tbody", "code", "details", "figure", "svg"].map(opened), [0; 8]);
    }

    #[test]
    fn numbers_can_be_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([percent(1, 3), percent(0, 0), percent(1, 1_000_000)], ["33.33 %", "0.00 %", "&lt; 0.01 %"]);
    }
}
