//! HTML, and the links and attributes of Markdown → the text that a reader sees.
//!
//! Only what is surely markup goes: « TA < 5 et > 3 », « p<0,05 » and « <LOQ » are no tags.

use std::sync::LazyLock;

use regex::Regex;

use super::privacy::Identity;
use crate::letters::any_window;

/// Elements whose content nobody reads as text.
const HIDDEN: [&str; 10] = ["script", "style", "head", "nav", "footer", "noscript", "svg", "template", "iframe", "select"];
/// Elements that begin a line.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "title",
    "tr",
    "ul",
];
/// Elements inside a line.
const INLINE: [&str; 38] = [
    "a", "abbr", "acronym", "b", "big", "button", "caption", "cite", "code", "col", "colgroup", "del", "em", "font", "i", "img", "input",
    "ins", "label", "legend", "link", "meta", "option", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tbody", "td",
    "textarea", "tfoot", "th", "thead", "u",
];
/// A tag is no longer than this.
const MAX_TAG: usize = 4096;
const MAX_ENTITY: usize = 12;

/// Whether there may be markup.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
pub(super) fn is_suspected(text: &str) -> bool {
    let begins = |byte: u8| (byte == b'<') | (byte == b'&');
    any_window(text.as_bytes(), |three: &[u8; 3]| begins(three[0]) | may_be_link(three)) || text.bytes().rev().take(2).any(begins)
}

fn may_have_links(text: &str) -> bool {
    any_window(text.as_bytes(), may_be_link)
}

/// Whether this may be inside a link, attributes or an embedded file (« ;base64, »).
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `any_window` gives it")]
fn may_be_link([first, second, third]: &[u8; 3]) -> bool {
    (*first == b']') & (*second == b'(')
        | (*first == b'{') & ((*second == b'.') | (*second == b'#'))
        | (*first == b';') & (*second == b'b') & (*third == b'a')
}

/// What the rest of a text does not have: searching for it again and again would take for ever.
#[derive(Default)]
struct Absent {
    comment_end: bool,
    /// The closing tag of each of [`HIDDEN`].
    closing: [bool; HIDDEN.len()],
}

/// Appends the text without markup; returns how many tags, entities and links were replaced.
pub(super) fn strip_into(text: &str, out: &mut String) -> u64 {
    let start = out.len();
    let mut replaced = 0;
    let mut absent = Absent::default();
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with('&') { entity(rest, out) } else { tag(rest, out, &mut absent) };
        replaced += u64::from(length.is_some());
        let length = length.unwrap_or_else(|| {
            out.push_str(&rest[..1]);
            1
        });
        rest = &rest[length..];
    }
    out.push_str(rest);
    replaced + strip_links(out, start)
}

/// Writes the character of the entity that `text` begins with; returns the entity's length.
fn entity(text: &str, out: &mut String) -> Option<usize> {
    let end = text.bytes().take(MAX_ENTITY).position(|byte| byte == b';')? + 1;
    let decoded = html_escape::decode_html_entities(&text[..end]);
    if decoded == text[..end] {
        return None;
    }
    out.push_str(&decoded);
    Some(end)
}

/// Writes what stands for the tag or comment that `text` begins with; returns how much of `text` that was.
fn tag(text: &str, out: &mut String, absent: &mut Absent) -> Option<usize> {
    if text.starts_with("<!--") {
        let end = if absent.comment_end { None } else { text.find("-->") };
        absent.comment_end = end.is_none();
        return end.map(|end| end + 3);
    }
    let end = 1 + memchr::memchr2(b'>', b'<', &text.as_bytes()[1..text.len().min(MAX_TAG)])?;
    if text.as_bytes()[end] != b'>' {
        return None;
    }
    let inside = &text[1..end];
    if inside.starts_with(['!', '?']) {
        let is_declaration = ["!doctype", "?xml", "![cdata[", "!["].iter().any(|word| starts_with_ignoring_case(inside, word));
        return is_declaration.then_some(end + 1);
    }
    let is_closing = inside.starts_with('/');
    let body = inside.trim_start_matches('/');
    let name = &body[..body.find(|character: char| !character.is_ascii_alphanumeric() && character != ':').unwrap_or(body.len())];
    let after_name = &body[name.len()..];
    if !after_name.is_empty() && !after_name.starts_with([' ', '/', '\n', '\t', '\r']) {
        return None;
    }
    // « a<b ou c>d » compares.
    if name.len() == 1 && !after_name.trim_matches([' ', '/']).is_empty() && !after_name.contains('=') {
        return None;
    }
    let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_office = name.split_once(':').is_some_and(|(space, _)| ["o", "v", "w", "m", "st1"].contains(&space));
    if let Some(hidden) = HIDDEN.iter().position(|known| known.eq_ignore_ascii_case(name)) {
        out.push('\n');
        if is_closing || absent.closing[hidden] {
            return Some(end + 1);
        }
        let hidden_end = hidden_end(text, name, end + 1);
        absent.closing[hidden] = hidden_end.is_none();
        return Some(hidden_end.unwrap_or(end + 1));
    }
    if is(&BLOCKS) {
        out.push('\n');
    } else if is(&["td", "th", "option", "button", "img"]) {
        out.push(' ');
    } else if is(&["sup", "sub"]) && !is_closing {
        if let Some(length) = raised(&text[end + 1..], name.eq_ignore_ascii_case("sup"), out) {
            return Some(end + 1 + length);
        }
    } else if !is(&INLINE) && !is_office {
        return None;
    }
    Some(end + 1)
}

/// Where the content of a hidden element ends, if that has a closing tag after `from`: after that.
fn hidden_end(text: &str, name: &str, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr::memmem::find(&text.as_bytes()[at..], b"</") {
        at += found + 2;
        if starts_with_ignoring_case(&text[at..], name) {
            return text[at..].find('>').map(|end| at + end + 1);
        }
    }
    None
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Writes raised or lowered digits as the characters that Unicode has for them: m², CO₂.
fn raised(text: &str, is_superscript: bool, out: &mut String) -> Option<usize> {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    const LOWERED: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    let end = text.bytes().take(4).position(|byte| byte == b'<')?;
    let digits: Option<Vec<u32>> = text[..end].chars().map(|character| character.to_digit(10)).collect();
    let digits = digits.filter(|digits| !digits.is_empty())?;
    out.extend(digits.iter().map(|&digit| if is_superscript { RAISED } else { LOWERED }[digit as usize]));
    Some(end)
}

/// Replaces Markdown's links by their text, and removes attributes and embedded images.
fn strip_links(out: &mut String, start: usize) -> u64 {
    // No repetition has a limit: with one, the search would leave its fast path.
    static LINKS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"!?\[([^\[\]\n]*)\]\(((?:[^()\s]|\([^()\s]*\))+)(?: "[^"\n]*")?\)(?:\{[^{}\n]+\})?|\{[.#][A-Za-z][\w-]*(?: [^{}\n]*)?\}|[a-z]+:[a-z/+.-]+;base64,[A-Za-z0-9+/=]{16,}"#).expect("a tested pattern")
    });
    let tail = &out[start..];
    if !may_have_links(tail) {
        return 0;
    }
    let mut count = 0;
    let stripped = LINKS.replace_all(tail, |found: &regex::Captures<'_>| {
        let (text, target) = (found.get(1).map_or("", |text| text.as_str()), found.get(2).map_or("", |target| target.as_str()));
        // « [1](sic) » leads nowhere, and what privacy hid is no link's text.
        let leads_nowhere = !target.is_empty() && !target.contains(['/', '.', '#', ':']);
        if leads_nowhere || Identity::ALL.iter().any(|kind| kind.placeholder().trim_matches(['[', ']']) == text) {
            return found[0].to_owned();
        }
        count += 1;
        text.to_owned()
    });
    let stripped = stripped.into_owned();
    out.truncate(start);
    out.push_str(&stripped);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(text: &str) -> String {
        let mut out = String::from("x");
        strip_into(text, &mut out);
        out.split_off(1)
    }

    #[test]
    fn tags_go_and_blocks_begin_lines() {
        assert_eq!(strip("<p class=\"a\">Une <b>toux</b><br/>grasse</p><ul><li>un</li></ul>"), "\nUne toux\ngrasse\n\n\nun\n\n");
        assert_eq!(strip("a<script>if (a < b) { x(); }</script>b<!-- c -->d<o:p></o:p>"), "a\nbd");
        assert_eq!(strip("5 m<sup>2</sup>, CO<sub>2</sub>, 1<sup>er</sup>"), "5 m², CO₂, 1er");
        assert_eq!(strip("<td>12</td><td>mg</td>"), " 12  mg ");
    }

    #[test]
    fn comments_and_elements_without_end_take_no_longer_than_their_length() {
        // Quadratic work would take minutes.
        let comments = "<!--".repeat(1 << 18);
        assert_eq!(strip(&comments), comments);
        assert_eq!(strip(&"<script></x".repeat(1 << 18)), "\n</x".repeat(1 << 18));
        assert_eq!(strip("<nav><script>a</script>b<!-- c -->d<!-- e"), "\n\nbd<!-- e");
    }

    #[test]
    fn entities_become_characters() {
        assert_eq!(
            strip("l&#039;h&ocirc;pital &quot;Nord&quot; &lt; 5&nbsp;mg &amp; plus &#x2265;"),
            "l'hôpital \"Nord\" < 5\u{a0}mg & plus ≥"
        );
        assert_eq!(strip("R&D, S & P ; AT&T &inconnu;"), "R&D, S & P ; AT&T &inconnu;");
    }

    #[test]
    fn links_become_their_text() {
        assert_eq!(
            strip("Voir [la fiche](https://exemple.fr/a_(b) \"titre\"){.externe target=\"_blank\"} et ![logo](x.png)."),
            "Voir la fiche et logo."
        );
        assert_eq!(strip("{.si-vaccine} Isolez-vous. {#titre .grand}"), " Isolez-vous. ");
        assert_eq!(strip("data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="), "");
    }

    #[test]
    fn comparisons_are_no_tags() {
        for right in
            ["TA < 5 et > 3", "p<0,05 et n>12", "<LOQ>", "taux <12 ou a<b>", "x <- 3", "[1](sic)", "[a] (b)", "[IBAN](a.fr)", "[été.](sic)"]
        {
            assert_eq!(strip(right), right.replace("<b>", ""));
        }
    }
}
