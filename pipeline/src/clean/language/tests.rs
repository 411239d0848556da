use proptest::prelude::*;

use super::*;

/// Judges a document; what is left of it, or the verdict.
fn judge(language: &str, text: &str) -> Result<String, Verdict> {
    let mut out = format!("avant{text}");
    let mut profiler = Profiler::new(list_of(language));
    profiler.read(&out, 5);
    let verdict = LanguageFilter::new(language).judge(&mut out, 5, &mut profiler, &mut CleanCounts::default());
    verdict.map_or_else(|| Ok(out[5..].to_owned()), Err)
}

fn foreign(code: &str) -> Result<String, Verdict> {
    Err(Language::from_code(code).map(Verdict::Language).expect("a code"))
}

const FRENCH: [&str; 14] = [
    "Le patient présente une toux grasse depuis trois jours, avec une fièvre à 38,5 °C et des frissons. L'auscultation retrouve des crépitants à la base droite.",
    "Patient adresse pour douleur thoracique. Pas d'antecedent connu. L'examen clinique est sans particularite, la radiographie est normale et le bilan biologique aussi.",
    "On a cru long-tems que cette maladie étoit contagieuse ; mais l'expérience a fait voir qu'elle ne l'avoit jamais été dans les lieux où l'air se renouvelle.",
    "Asthme",
    "Paracétamol 500 mg comprimé, ibuprofène 400 mg comprimé, amoxicilline 1 g poudre pour suspension buvable, oméprazole 20 mg gélule gastro-résistante",
    "Infection à Clostridioides difficile chez l'adulte : place de la fidaxomicine (étude EXTEND, « extended-pulsed fidaxomicin versus vancomycin »)",
    "Hb 12,4 g/dL ; VGM 88 fL ; plaquettes 245 G/L ; leucocytes 7,8 G/L ; CRP 12 mg/L ; créatinine 78 µmol/L ; Na 140 mmol/L ; K 4,1 mmol/L",
    "A propos de deux cas de méningite a Listeria monocytogenes au Luxembourg .",
    "Musculus sternocleidomastoideus, musculus trapezius, nervus accessorius, arteria carotis communis, vena jugularis interna",
    "ATORVASTATINE BIOGARAN 10 mg, comprimé pelliculé, boîte de 30. Hypercholestérolémie. Prévention cardiovasculaire. Service médical rendu important.",
    "Indications thérapeutiques\nTraitement symptomatique\nMode d'administration\nVoie orale\nContre-indications\nHypersensibilité\nGrossesse\nAllaitement",
    "ÉTAT GÉNÉRAL CONSERVÉ. APYRÉTIQUE. ABDOMEN SOUPLE, DÉPRESSIBLE, INDOLORE. PAS DE SIGNE DE PHLÉBITE. REFLEXES PRÉSENTS ET SYMÉTRIQUES.",
    "La dose est de 5 mg/kg toutes les 8 heures pendant 10 jours ; on l'adapte à la fonction rénale si le débit de filtration est inférieur à 30 ml/min.",
    "Dupont J, Martin P. Prise en charge de la fibrillation atriale en médecine générale. Rev Prat 2019;69:45-52.",
];

const FOREIGN: [(&str, &str); 14] = [
    (
        "en",
        "The patient was admitted with a productive cough and fever that had lasted for three days. Chest radiography showed a consolidation in the right lower lobe.",
    ),
    (
        "en",
        "A rare genetic disorder characterized by hypotonia, developmental delay, seizures, ocular anomalies and facial dysmorphism including prominent forehead and low-set ears.",
    ),
    (
        "it",
        "Il paziente si presenta in pronto soccorso per la comparsa di dolore toracico e dispnea da sforzo; gli esami ematochimici mostrano un aumento della troponina.",
    ),
    (
        "es",
        "El paciente acude a urgencias por dolor abdominal de tres días de evolución, con fiebre y vómitos. En la exploración se aprecia defensa en la fosa ilíaca derecha.",
    ),
    (
        "pt",
        "O doente recorreu ao serviço de urgência por dor torácica com irradiação para o braço esquerdo. Não tinha febre e os sinais vitais eram normais à entrada.",
    ),
    (
        "de",
        "Der Patient wurde wegen seit drei Tagen bestehender Atemnot und Fieber in die Klinik aufgenommen. Die Röntgenaufnahme zeigte ein Infiltrat im rechten Unterlappen.",
    ),
    (
        "nl",
        "De patiënt werd opgenomen in het ziekenhuis met koorts en hoesten die al drie dagen aanhielden. Op de foto van de longen was een ontsteking te zien.",
    ),
    (
        "ca",
        "El pacient va ingressar a l'hospital per un quadre de febre i tos que durava des de feia tres dies. A la radiografia es va veure una condensació amb vessament.",
    ),
    (
        "ro",
        "Pacientul a fost internat în spital cu febră și tuse care au debutat în urmă cu trei zile. Radiografia a arătat o condensare în lobul inferior drept.",
    ),
    (
        "oc",
        "Lo pacient foguèt amiat a l'espital per una febre que durava dempuèi tres jorns. Los mètges pensèron qu'èra una malautiá dels palmons e li donèron un remèdi amb una tisana.",
    ),
    (
        "ht",
        "Moun ki gen maladi sa a ka gen lafyèv ak tous pandan twa jou. Si ou pa ka respire byen, ou dwe ale lopital touswit pou yo ka ba ou swen ak medikaman.",
    ),
    (
        "ru",
        "Пациент поступил в клинику с жалобами на кашель и повышение температуры в течение трёх дней. На рентгенограмме выявлено затемнение в нижней доле.",
    ),
    (
        "pl",
        "Pacjent został przyjęty do szpitala z powodu gorączki i kaszlu trwających od trzech dni. Zdjęcie rentgenowskie klatki piersiowej wykazało zagęszczenie.",
    ),
    (
        "sv",
        "Patienten togs in på sjukhuset på grund av feber och hosta som hade varat i tre dagar. Lungröntgen visade en förtätning i höger underlob och han fick antibiotika.",
    ),
];

#[test]
fn french_is_kept_as_it_is_and_other_languages_are_named() {
    for text in FRENCH {
        assert_eq!(judge("fr", text), Ok(text.to_owned()));
    }
    for (code, text) in FOREIGN {
        assert_eq!(judge("fr", text), foreign(code), "{text}");
    }
}

#[test]
fn any_language_can_be_asked_for_or_all() {
    for (code, text) in FOREIGN {
        assert_eq!(judge("any", text), Ok(text.to_owned()));
        assert_eq!(judge(code, text), Ok(text.to_owned()), "{code}");
    }
    assert_eq!(judge("en", FRENCH[0]), foreign("fr"));
    assert_eq!(judge("pl", FRENCH[0]), foreign("fr"));
    assert!(is_known_language("any") && is_known_language("pl") && !is_known_language("xx"));
}

#[test]
fn foreign_paragraphs_of_a_mixed_document_go() {
    let (french, english) = (FRENCH[0], FOREIGN[0].1);
    assert_eq!(judge("fr", &format!("{english}\n\n{french}\n\n{french}")), Ok(format!("{french}\n\n{french}")));
    assert_eq!(judge("fr", &format!("{french}\n{english}\nAsthme\n\n{english}")), Ok(format!("{french}\nAsthme")));
    let (long_french, long_english) = ([french; 3].join(" "), [english; 9].join(" "));
    assert_eq!(judge("fr", &format!("Overview\n\n{long_english}\n\n{long_french}")), Ok(long_french));
    assert_eq!(judge("fr", &format!("Overview\n\n{long_english}\n\nSee also")), foreign("en"));
}

proptest! {
    #[test]
    fn judging_twice_changes_nothing_more(
        lines in proptest::collection::vec((0..FRENCH.len() + FOREIGN.len() + 2, 0..3_usize), 1..8),
        noise in "\\PC{0,80}",
    ) {
        let line = |index: usize| match index {
            0 => noise.split_whitespace().collect::<Vec<_>>().join(" "),
            1 => "12,5 mg".to_owned(),
            index if index - 2 < FRENCH.len() => FRENCH[index - 2].replace('\n', " "),
            index => FOREIGN[index - 2 - FRENCH.len()].1.to_owned(),
        };
        let lines: Vec<_> = lines.iter().map(|&(index, blank)| format!("{}\n{}", line(index), if blank == 0 { "\n" } else { "" })).collect();
        let text = lines.concat();
        let text = text.trim_matches('\n').to_owned();
        if let Ok(once) = judge("fr", &text) {
            prop_assert_eq!(judge("fr", &once), Ok(once.clone()));
            prop_assert!(once.split('\n').filter(|line| !line.is_empty()).all(|line| text.contains(line)));
        }
    }
}
