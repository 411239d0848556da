//! Bars, drawn as SVG.

use std::fmt::Write;

/// A bar in a table's cell that fills this share of it.
pub(super) fn bar(share: f64, class: &str) -> String {
    let width = (share.clamp(0.0, 1.0) * 100.0).max(if share > 0.0 { 0.4 } else { 0.0 });
    format!(
        "<svg class=\"bar\" role=\"presentation\" preserveAspectRatio=\"none\" viewBox=\"0 0 100 1\"><rect class=\"{class}\" width=\"{width:.1}\" height=\"1\"/></svg>"
    )
}

/// Columns side by side, each with its label below and its figure above.
pub(super) fn columns(title: &str, bars: &[(String, u64)], figure: impl Fn(u64) -> String) -> String {
    const WIDTH: f64 = 44.0;
    const HEIGHT: f64 = 150.0;
    const PITCH: f64 = 54.0;
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let total = PITCH * bars.len() as f64;
    let mut svg = format!(
        "<svg class=\"columns\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {total} {}\" style=\"max-width:{total}px\">",
        HEIGHT + 40.0
    );
    for (index, (label, count)) in bars.iter().enumerate() {
        let (left, height) = (PITCH * index as f64 + (PITCH - WIDTH) / 2.0, HEIGHT * *count as f64 / most as f64);
        let (top, middle) = (18.0 + HEIGHT - height, left + WIDTH / 2.0);
        write!(
            svg,
            "<rect class=\"kept\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{WIDTH}\" height=\"{height:.1}\"/>\
             <text x=\"{middle:.1}\" y=\"{:.1}\">{}</text><text x=\"{middle:.1}\" y=\"{:.1}\">{label}</text>",
            top - 5.0,
            figure(*count),
            HEIGHT + 34.0,
        )
        .expect("a string takes everything");
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_column_is_as_high_as_the_chart_and_the_smallest_bar_can_be_seen() {
        let svg = columns("Lengths", &[("1".into(), 10), ("2".into(), 5)], |count| count.to_string());
        assert!(svg.contains("height=\"150.0\"") && svg.contains("height=\"75.0\""), "{svg}");
        assert!(bar(1e-6, "kept").contains("width=\"0.4\"") && bar(0.0, "kept").contains("width=\"0.0\""));
    }
}
