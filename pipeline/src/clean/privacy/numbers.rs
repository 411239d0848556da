//! Identities that have a form of their own, most of them with a check digit.

use std::{net::Ipv6Addr, ops::Range};

use regex::Regex;

use super::{Find, Identity, Signs, digits::DigitRuns};

/// Countries and the lengths of their IBANs (registry of ISO 13616, and French-speaking countries of Africa that use them without it).
const IBAN_LENGTHS: &str = "\
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BF28 BG22 BH22 BI27 BJ28 BR29 BY28 CF27 CG27 CH21 CI28 \
    CM27 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 DZ26 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GA27 GB22 \
    GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KM27 KW30 KZ20 LB28 \
    LC32 LI21 LT20 LU20 LV21 LY25 MA28 MC27 MD24 ME22 MG27 MK19 ML28 MN20 MR27 MT31 MU30 NE28 \
    NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 \
    SM27 SN28 SO23 ST25 SV28 TD27 TG28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

pub(super) struct NumberRules {
    email: Regex,
    url: Regex,
    secret: Regex,
    iban: Regex,
    card: Regex,
    nir: Regex,
    nir_context: Regex,
    phone: Regex,
    ipv4: Regex,
    ip_context: Regex,
    version_context: Regex,
    ipv6: Regex,
}

/// Compiles a pattern in which word boundaries and digits are those of ASCII: with Unicode's the regex engine leaves its fast path at every accent. Who
/// uses it looks at the letter before.
pub(super) fn regex(pattern: &str) -> Regex {
    let ascii = pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]");
    Regex::new(&ascii).expect("a tested pattern")
}

impl Default for NumberRules {
    fn default() -> Self {
        Self {
            email: regex(
                r"[\w.+%'-]*[\w%]+(?:@| @ | ?[(\[](?i:at|arobase)[)\]] ?| (?:arobase|AT) )[\w-]+(?:(?:\.| point | ?[(\[](?i:dot|point)[)\]] ?)[\w-]+)*(?:\.| point | ?[(\[](?i:dot|point)[)\]] ?)\p{L}{2,}",
            ),
            url: regex(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s«»<>]+"),
            secret: regex(
                r"(?i)://[^/\s:@]+:[^/\s@]+@|[?&;](?:\w*token|jwt|password|passwd|pwd|pass|mdp|session(?:_?id)?|jsessionid|phpsessid|sid|api_?key|secret|signature|sig|auth|hash)=[^&\s]+",
            ),
            iban: regex(r"(?i)\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]){11,40}"),
            card: regex(r"\b\d(?:[ -]?\d){12,18}\b"),
            nir: regex(r"\b[1-478][ .-]?\d{2}[ .-]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .-]?(?:\d{2}|\d[ABab])[ .-]?\d[ .-]?\d{2}[ .-]?\d{3}"),
            nir_context: regex(
                r"(?i)\b(?:NIR|INS|NSS|n° ?SS|s[ée]cu|s[ée]curit[ée] sociale|immatriculation|vitale|assur[ée]e?)\b[^\n]{0,25}$",
            ),
            phone: regex(
                r"(?:\(?(?:\+|\b00)33\)?[ .-]?(?:\(0\)[ .-]?|0)?[1-79](?:[ ./-]?\d{2}){4}|(?:\+|\b00)(?:262|590|594|596|508|681|687|689)[ .-]?\d{2,3}(?:[ .-]?\d{2}){2,3}|\b0[1-79](?:[ ./-]{0,2}\d{2}){4}|\b0(?:262|263|590|594|596)[ .-]\d{2}(?:[ .-]\d{2}){2}|\b0[1-79]\d{2}[ .-]\d{2}[ .-]\d{2}[ .-]\d{2}|\b0[1-79]\d[ .-]\d{3}[ .-]\d{4}|\b0[1-79]\d{2}[ .-]\d{3}[ .-]\d{3})",
            ),
            ipv4: regex(r"\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\b"),
            ip_context: regex(
                r"(?i)(?:\b(?:ip|ipv4|serveurs?|h[ôo]te|host|proxy|ping|r[ée]seau|dns|passerelle|machine|poste|routeur|log|connexion|depuis)\b[^\n]{0,25}|://|@)$",
            ),
            version_context: regex(
                r"(?i)(?:\b(?:version|logiciel|v|ec|tableau|section|chapitre|§|paragraphe|figure|annexe|release|build)[ .:°]*|§ ?|/)$",
            ),
            ipv6: regex(r"(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}"),
        }
    }
}

impl NumberRules {
    pub(super) fn search(&self, text: &str, line: Range<usize>, signs: Signs, digits: &DigitRuns, finds: &mut Vec<Find>) {
        let content = &text[line.clone()];
        let digits = digits.within(text.as_bytes(), &line);
        let mut add = |range: Range<usize>, kind| finds.push((line.start + range.start..line.start + range.end, kind));
        if signs.has_scheme {
            for found in self.url.find_iter(content).filter(|found| self.secret.is_match(found.as_str())) {
                add(found.start()..found.start() + address_length(found.as_str()), Identity::Url);
            }
        }
        if signs.has_at {
            self.email.find_iter(content).for_each(|found| add(found.range(), Identity::Email));
        }
        if digits.have_ipv4() {
            self.ipv4_in(content, &mut add);
        }
        if signs.has_colons {
            self.ipv6_in(content, &mut add);
        }
        let cluster = digits.longest_cluster();
        if cluster < 6 {
            return;
        }
        let mut at = if digits.have_iban() { 0 } else { content.len() };
        while let Some(found) = self.iban.find_at(content, at) {
            // « dossier AB12 du compte FR76… »: what begins like an account may have one inside.
            at = found.start() + 2;
            if let Some(length) = iban_length(found.as_str()) {
                add(found.start()..found.start() + length, Identity::Iban);
                at = found.start() + length;
            }
        }
        if cluster >= 13 {
            self.card
                .find_iter(content)
                .filter(|found| is_card(found.as_str()))
                .for_each(|found| add(found.range(), Identity::CarteBancaire));
        }
        if cluster >= 12 {
            self.nir_in(content, &mut add);
        }
        if cluster >= 9 && digits.have_telephone() {
            self.phone
                .find_iter(content)
                .filter(|found| stands_alone(content, found.range()) && has_one_separator(found.as_str()))
                .for_each(|found| add(found.range(), Identity::Telephone));
        }
    }

    fn nir_in(&self, content: &str, add: &mut impl FnMut(Range<usize>, Identity)) {
        for found in self.nir.find_iter(content) {
            let body: String = found.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
            let rest = &content[found.end()..];
            let with_key = key_after(rest).filter(|(key, _)| is_nir_key(&body, key));
            let next_is_free = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric());
            match with_key {
                Some((_, length)) if next_is_free(&rest[length..]) => add(found.start()..found.end() + length, Identity::Nir),
                // A number whose key is wrong is none; one without a key needs a word that says what it is.
                None if next_is_free(rest) && key_after(rest).is_none() && self.nir_context.is_match(&content[..found.start()]) => {
                    add(found.range(), Identity::Nir);
                }
                _ => {}
            }
        }
    }

    fn ipv4_in(&self, content: &str, add: &mut impl FnMut(Range<usize>, Identity)) {
        for found in self.ipv4.captures_iter(content) {
            let octets: Option<Vec<u8>> = (1..=4).map(|group| found[group].parse().ok()).collect();
            let (Some(octets), Some(whole)) = (octets, found.get(0)) else { continue };
            let (before, after) = (&content[..whole.start()], &content[whole.end()..]);
            let goes_on = |text: &str| text.starts_with('.') && text[1..].starts_with(|next: char| next.is_ascii_digit());
            // Any address, and the machine itself.
            let is_nobody = octets[0] == 0 || octets[0] == 127;
            if is_nobody || before.ends_with('.') || goes_on(after) || (self.version_context.is_match(before) && !before.ends_with("//")) {
                continue;
            }
            let has_port = after.strip_prefix([':', '/']).is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
            let looks_like_one = octets.iter().filter(|&&octet| octet >= 50).count() >= 2 && octets.iter().any(|&octet| octet >= 100);
            if has_port || looks_like_one || self.ip_context.is_match(before) {
                add(whole.range(), Identity::Ip);
            }
        }
    }

    fn ipv6_in(&self, content: &str, add: &mut impl FnMut(Range<usize>, Identity)) {
        for found in self.ipv6.find_iter(content) {
            let text = found.as_str();
            let stands_free =
                !content[..found.start()].ends_with(char::is_alphanumeric) && !content[found.end()..].starts_with(char::is_alphanumeric);
            let is_long = text.bytes().filter(u8::is_ascii_hexdigit).count() >= 8;
            if stands_free && is_long && text.parse::<Ipv6Addr>().is_ok() {
                add(found.range(), Identity::Ip);
            }
        }
    }
}

/// How much of what stands between two spaces is an address: without the punctuation after it, or another column.
fn address_length(text: &str) -> usize {
    let session = text.to_ascii_lowercase().rfind("sessionid").unwrap_or_default();
    let column = memchr::memchr_iter(b';', text.as_bytes()).find(|&at| at >= session);
    text[..column.unwrap_or(text.len())].trim_end_matches(['.', ',', ')', '"', '\'']).len()
}

/// Whether a number is no piece of a longer one or of a row of numbers.
fn stands_alone(content: &str, found: Range<usize>) -> bool {
    let (before, after) = (&content[..found.start], &content[found.end..]);
    let separators = [' ', '.', '-', '/', ','];
    let digit_before = before.strip_suffix(separators).unwrap_or(before).ends_with(|last: char| last.is_ascii_digit());
    let rest = after.strip_prefix(separators).unwrap_or(after);
    // A row of numbers goes on in pairs; five digits after a space are a postcode.
    let is_postcode = after.starts_with(' ') && rest.bytes().take_while(u8::is_ascii_digit).count() == 5;
    let digit_after = rest.starts_with(|next: char| next.is_ascii_digit()) && !is_postcode;
    // « lot 0612345678A », but « 0612345678Fax ».
    let mut next = after.chars();
    let is_code = next.next().is_some_and(char::is_alphabetic) && !next.next().is_some_and(char::is_lowercase);
    !digit_before && !digit_after && !is_code && !before.ends_with(['/', '.', '+'])
}

/// Whether the last four pairs of digits are all separated alike: a date and a time are not.
fn has_one_separator(number: &str) -> bool {
    let digits: Vec<usize> = number.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(at, _)| at).collect();
    let pairs = &digits[digits.len().saturating_sub(8)..];
    let mut separators = pairs.windows(2).map(|pair| &number[pair[0] + 1..pair[1]]).filter(|separator| !separator.is_empty());
    let first = separators.next();
    separators.all(|separator| Some(separator) == first)
}

/// The two digits of a key, and how much of `rest` they take.
fn key_after(rest: &str) -> Option<(&str, usize)> {
    let named = rest.trim_start_matches([' ', ',', '(']);
    let named = ["clé", "clef", "cle"].iter().find_map(|word| named.strip_prefix(word)).unwrap_or(rest);
    let key = named.trim_start_matches([' ', '-', '/', '|', '.', ':']);
    let skipped = rest.len() - key.len();
    let digits = key.get(..2).filter(|digits| named.len() - key.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((digits, skipped + 2))
}

/// Whether the key is 97 less the remainder of the number; Corsica's departments 2A and 2B count as 19 and 18.
fn is_nir_key(body: &str, key: &str) -> bool {
    let number = body.to_ascii_uppercase().replace("2A", "19").replace("2B", "18");
    let (Ok(number), Ok(key)) = (number.parse::<u64>(), key.parse::<u64>()) else { return false };
    number % 97 + key == 97
}

/// How much of the text is a valid IBAN.
fn iban_length(text: &str) -> Option<usize> {
    let country = text.get(..2)?.to_ascii_uppercase();
    let entry = IBAN_LENGTHS.split(' ').find(|entry| entry.starts_with(&country))?;
    let length: usize = entry[2..].parse().ok()?;
    let mut places = text.char_indices().filter(|(_, character)| character.is_ascii_alphanumeric());
    let (last, _) = places.clone().nth(length - 1)?;
    let end = last + 1;
    let characters: String = places.by_ref().take(length).map(|(_, character)| character.to_ascii_uppercase()).collect();
    let goes_on = text[end..].starts_with(|next: char| next.is_ascii_alphanumeric());
    let remainder = characters[4..]
        .chars()
        .chain(characters[..4].chars())
        .filter_map(|character| character.to_digit(36))
        .fold(0, |sum, value| (if value > 9 { sum * 100 } else { sum * 10 } + value) % 97);
    (remainder == 1 && !goes_on).then_some(end)
}

/// Whether the number has the length and the first digits of a payment card, its usual groups, and Luhn's check digit (ISO/IEC 7812).
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    let first = |count: usize| digits[..count].iter().fold(0, |number, digit| number * 10 + digit);
    let is_issued = match digits.len() {
        13 | 19 => first(1) == 4,
        14 => matches!(first(2), 30 | 36 | 38),
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(1), 4)
                || matches!(first(2), 51..=55 | 35 | 65)
                || matches!(first(4), 2221..=2720 | 6011)
                || matches!(first(3), 644..=649)
        }
        _ => false,
    };
    let groups: Vec<usize> = text.split([' ', '-']).map(str::len).collect();
    let has_groups =
        groups.len() == 1 || groups == [4, 6, 5] || groups == [4, 6, 4] || groups[..groups.len() - 1].iter().all(|&length| length == 4);
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(place, &digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }).sum();
    is_issued && has_groups && sum.is_multiple_of(10)
}
