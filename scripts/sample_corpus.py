#!/usr/bin/env python3
"""Writes a French clinical sample corpus: fictional, from our own templates and lexicon, and the same bytes on every machine.

    scripts/sample_corpus.py --output corpus.txt [--megabytes 6] [--seed 0]

Documents are separated by a blank line. A few are exact copies, a few are long, and a few carry the dirt of real collections
(CRLF, invisible characters, decomposed accents, control characters), so that cleaning and deduplication have something to do.
"""

import argparse
import random
import re
import sys
import unicodedata

sys.dont_write_bytecode = True  # nothing but the corpus is written

from sample_lexicon import ASPIRATED_H, DISEASES, DRUGS, FEMININE, GLOSSARY, LATE, MASCULINE, OPERATIONS, SINGULAR_IN_S, TOWNSPEOPLE
from sample_templates import KINDS, POOLS, TOPICS

MASCULINE, FEMININE, SINGULAR_IN_S, ASPIRATED_H = (set(words.split()) for words in (MASCULINE, FEMININE, SINGULAR_IN_S, ASPIRATED_H))
FEMININE_ENDINGS = ("ion", "ie", "ée", "ite", "ose", "té", "ence", "ance", "ure", "esse", "ise", "ade", "ine", "one", "elle", "ette", "ude", "euse")
IMAGING = ("radiographie", "scanner", "échographie", "imagerie", "angioscanner", "mammographie", "écho-Doppler", "scintigraphie", "entéro-IRM")
INTAKE = {"poudre": "une inhalation", "collyre": "une goutte dans chaque œil", "crème": "une application", "pommade": "une application"}
LABORATORY = ("dosage", "bilan", "hémo", "myélo", "ionogramme", "glycémie", "bandelette", "examen", "sérologie", "recherche", "protéinurie", "électrophorèse", "coproculture")
CYCLIC = {"chimiothérapie", "biothérapie", "thérapie ciblée", "immunothérapie", "traitement de l'ostéoporose", "immunomodulateur"}
WEEKLY = {"alendronate", "méthotrexate"}
DURATIONS = (
    "deux jours;trois jours;cinq jours;une semaine;dix jours;quinze jours;trois semaines;un mois;six semaines;deux mois;"
    "trois mois;six mois;neuf mois;un an;dix-huit mois;deux ans"
).split(";")
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
APOSTROPHES, NARROW_NO_BREAK, NO_BREAK = "’", "\u202f", "\u00a0"


class Noun(str):
    """A noun phrase that knows its articles."""

    @property
    def head(self):
        return self.split(" ")[0]

    @property
    def plural(self):
        return self.head[-1] in "sx" and self.head not in SINGULAR_IN_S

    @property
    def feminine(self):
        stem = self.head[:-1] if self.plural else self.head
        if stem in FEMININE or stem in MASCULINE:
            return stem in FEMININE
        return stem.endswith(FEMININE_ENDINGS)

    def form(self, name):
        if "/" in name:
            return name.split("/")[self.plural]
        forms = {
            "un": ("des " if self.plural else "une " if self.feminine else "un ") + self,
            "le": ("les " if self.plural else "la " if self.feminine else "le ") + self,
            "e": "e" * self.feminine + "s" * self.plural,
            "il": ("elle" if self.feminine else "il") + "s" * self.plural,
        }
        return forms[name.lower()] if name.islower() else capitalize(forms[name.lower()])


def capitalize(text):
    return text[:1].upper() + text[1:]


def fields(text, separator=";"):
    return [field.strip() for field in text.split(separator) if field.strip()]


def nouns(text):
    return [Noun(field) for field in fields(text)]


def blocks(text):
    """The blocks of a lexicon: the parts of the first line, and the other lines by their sign."""
    for block in text.strip().split("\n\n"):
        first, *lines = block.split("\n")
        yield fields(first, "|"), {line[0]: line[2:] for line in lines}


def numbered(name, values):
    return {f"{name}{number}": value for number, value in enumerate(values, 1)}


def tests_like(starts, disease):
    return [test for test in disease["tests"] if test[0].startswith(starts)]


def parse_diseases():
    for (name, specialty, organ), lines in blocks(DISEASES):
        yield {
            "name": Noun(name),
            "specialty": specialty,
            "organ": Noun(organ),
            "symptoms": nouns(lines["?"]),
            "findings": nouns(lines["!"]),
            "tests": [(Noun(test), result.strip()) for test, result in (pair.split(":") for pair in fields(lines["="]))],
            "drugs": fields(lines["+"]),
            "care": nouns(lines["*"]),
            "risks": nouns(lines["<"]),
            "complications": nouns(lines[">"]),
            "definition": Noun(lines["~"]),
        }


def parse_drugs():
    for (drug_class, members), lines in blocks(DRUGS):
        for member in fields(members):
            name, dose, form = re.fullmatch(r"(.*?) (\d.*) (\S+)", member).groups()
            yield name, {
                "name": Noun(name),
                "class": drug_class,
                "dose": dose,
                "form": Noun(form),
                "mode": lines["~"],
                "adverse": nouns(lines[">"]),
                "contraindications": nouns(lines["!"]),
                "watch": nouns(lines["="]),
            }


class Writer:
    """Draws documents. Only `Random.random` is used: Python promises the same numbers for it in every version."""

    def __init__(self, seed):
        self.random = random.Random(seed).random
        self.diseases = list(parse_diseases())
        self.drugs = dict(parse_drugs())
        self.operations = [fields(line, "|") for line in OPERATIONS.strip().split("\n")]
        self.glossary = [fields(line, "|") for line in GLOSSARY.strip().split("\n")]
        self.jobs = [fields(pair, "/") for pair in fields(TOWNSPEOPLE)]
        self.late = set(fields(LATE))
        self.pools = {name: fields(text, "\n") for name, text in POOLS.items()}
        self.kinds = [(name, fields(text, "\n")) for weight, name, text in KINDS for _ in range(weight)]

    def chance(self, probability):
        return self.random() < probability

    def number(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def pick(self, items):
        return items[int(self.random() * len(items))]

    def some(self, items, count):
        """`count` items in random order; where there are fewer, they come again."""
        order = sorted(items, key=lambda _: self.random())
        return [order[index % len(order)] for index in range(count)]

    def date(self):
        return f"{self.number(2, 28)} {self.pick(MONTHS)} {self.number(2009, 2024)}"

    def disease_for(self, kind):
        if kind in ("compte rendu opératoire", "anesthésie"):
            operation = self.pick(self.operations)
            return next(disease for disease in self.diseases if disease["name"] == operation[1]), operation
        fits = {
            "compte rendu d'imagerie": lambda disease: tests_like(IMAGING, disease),
            "biologie commentée": lambda disease: tests_like(LABORATORY, disease),
            "santé de l'enfant": lambda disease: disease["specialty"] == "pédiatrie",
            "gériatrie": lambda disease: disease["specialty"] not in ("pédiatrie", "obstétrique", "gynécologie"),
        }.get(kind, lambda _: True)
        return self.pick([disease for disease in self.diseases if fits(disease)]), None

    def patient(self, disease):
        organ, specialty = disease["organ"], disease["specialty"]
        woman = organ in ("sein", "utérus", "placenta") or (organ != "prostate" and self.chance(0.55))
        ages = {"pédiatrie": (2, 12), "obstétrique": (19, 42), "gynécologie": (19, 50), "gériatrie": (68, 96)}
        late = organ == "prostate" or disease["name"] in self.late
        low, high = (52, 94) if late else ages.get(specialty, (18, 92))
        age = self.number(low, high)
        job = self.pick(self.jobs)[woman]
        if age < 18:
            job = "scolarisée" if woman else "scolarisé"
        elif age > 64:
            job = ("ancienne " if woman else "ancien ") + job
        return {
            "P": self.pick(["La patiente", "La patiente", "La patiente", "La patiente", "Cette patiente"] if woman else ["Le patient", "Le patient", "Le patient", "Le patient", "Ce patient"]),
            "p": "la patiente" if woman else "le patient",
            "unp": Noun("patiente" if woman else "patient").form("un"),
            "il": "elle" if woman else "il",
            "Il": "Elle" if woman else "Il",
            "e": "e" if woman else "",
            "age": str(age),
            "job": job,
        }

    def others(self, disease, patient):
        """Two other diseases that the same person may have."""
        child, woman = int(patient["age"]) < 18, bool(patient["e"])

        def fits(other):
            women_only, men_only = other["organ"] in ("sein", "utérus", "placenta"), other["organ"] == "prostate"
            if child:
                return other["specialty"] in ("pédiatrie", "allergologie", "otorhinolaryngologie") and other is not disease
            return other is not disease and other["specialty"] != "pédiatrie" and not (men_only if woman else women_only)

        return self.some([other for other in self.diseases if fits(other)], 2)

    def medication(self, drug, number):
        form = drug["form"]
        oral = form in ("comprimé", "gélule", "sachet", "capsule")
        cyclic = drug["class"] in CYCLIC and not oral
        weekly = drug["name"] in WEEKLY
        if weekly:
            often = "une fois par semaine"
        elif cyclic:
            often = self.pick(["toutes les trois semaines", "toutes les deux semaines", "une fois par mois"])
        elif oral:
            often = self.pick(["par jour", "matin et soir", "le matin", "au coucher", "deux fois par jour", "une fois par jour"])
        else:
            often = self.pick(["une fois par jour", "le matin", "le soir"])
        lengths = ["trois mois", "six mois", "un an"] if cyclic or weekly else ["cinq jours", "sept jours", "dix jours", "un mois", "trois mois"]
        return {
            f"m{number}": drug["name"],
            f"dose{number}": drug["dose"],
            f"often{number}": often,
            f"length{number}": self.pick(lengths),
            f"intake{number}": form.form("un") if oral else INTAKE.get(form, "une dose"),
        }

    def monograph(self, drug):
        watch = self.some([*drug["watch"], Noun("tolérance clinique")], 2)
        adverse = self.some(drug["adverse"], 3)
        indications = [disease["name"] for disease in self.diseases if drug["name"] in disease["drugs"]]
        return {
            "form1": drug["form"],
            "class1": drug["class"],
            "mode1": drug["mode"],
            "indications": ", ".join(indications),
            "contraindications": ", ".join(drug["contraindications"]),
            "adverse": ", ".join(dict.fromkeys(adverse)),
            **numbered("watch", watch),
            **numbered("ae", adverse),
        }

    def context(self, kind):
        disease, operation = self.disease_for(kind)
        patient = self.patient(disease)
        other, another = self.others(disease, patient)
        symptoms = self.some(disease["symptoms"], 3)
        findings = self.some(disease["findings"], 2)
        tests = self.some(disease["tests"], 2)
        image = self.pick(tests_like(IMAGING, disease) or tests)
        analysis = self.pick(tests_like(LABORATORY, disease) or tests)
        drugs = [self.drugs[name] for name in self.some(disease["drugs"], 2)]
        if drugs[0] is drugs[1]:
            drugs[1] = self.drugs["ibuprofène" if drugs[0]["name"] == "paracétamol" else "paracétamol"]
        other_drugs = [self.drugs[self.pick(each["drugs"])] for each in (other, another)]
        unrelated = [symptom for symptom in other["symptoms"] + another["symptoms"] if symptom not in disease["symptoms"]]
        day, month, year = self.number(2, 14), self.pick(MONTHS), self.number(2009, 2024)
        return {
            **patient,
            **self.medication(drugs[0], 1),
            **self.medication(drugs[1], 2),
            **self.monograph(drugs[0]),
            "d": disease["name"],
            "def": disease["definition"],
            "organ": disease["organ"],
            "spec": disease["specialty"],
            "symptoms": self.enumeration([symptom.form("un") for symptom in symptoms]),
            **numbered("s", symptoms),
            **numbered("f", self.some(disease["findings"], 2)),
            **numbered("t", [test for test, _ in tests]),
            **numbered("r", [result for _, result in tests]),
            **numbered("i", image),
            **numbered("l", analysis),
            **numbered("c", self.some(disease["care"], 2)),
            **numbered("rf", self.some(disease["risks"], 2)),
            **numbered("k", self.some(disease["complications"], 2)),
            **numbered("o", [other["name"], another["name"]]),
            **numbered("mo", [drug["name"] for drug in other_drugs]),
            **numbered("neg", self.some(unrelated or [Noun("fièvre")], 2)),
            "doseo": other_drugs[0]["dose"],
            "date": f"{day} {month} {year}",
            "date2": f"{day + self.number(2, 14)} {month} {year}",
            "op": operation[0] if operation else "",
            "steps": " ".join(capitalize(step) + "." for step in fields(operation[2])) if operation else "",
        }

    def enumeration(self, phrases):
        phrases = list(dict.fromkeys(phrases))
        return " et ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))

    def expand(self, text, context):
        """Resolves choices from the inside out, then slots."""
        while "[" in text:
            text = re.sub(r"\[([^\[\]]*)\]", lambda match: self.pick(match[1].split("|")), text)
        return re.sub(r"\{([^{}]*)\}", lambda match: self.slot(match[1], context), text)

    def slot(self, slot, context):
        if slot.startswith("@"):
            return self.sentence(self.fresh(self.pools[slot[1:]], context["said"]), context)
        if ".." in slot:
            return str(self.number(*map(int, slot.split(".."))))
        if slot == "duration":
            return self.pick(DURATIONS)
        if slot == "topic":
            return self.topic()
        if slot == "entries":
            contexts = [self.context("") for _ in range(self.number(4, 9))]
            return self.pick([" ", "\n"]).join(self.sentence(self.pick(self.pools["entry"]), each) for each in contexts)
        if slot == "glossary":
            return self.definitions()
        name, _, form = slot.partition(".")
        if form == "cap":
            return capitalize(context[name])
        return context[name].form(form) if form else context[name]

    def fresh(self, pool, said):
        """A sentence of the pool that this report does not have yet."""
        template = self.pick([line for line in pool if line not in said] or pool)
        said.add(template)
        return template

    def sentence(self, template, context):
        return capitalize(contract(self.expand(template, context)))

    def topic(self):
        title = self.pick(list(TOPICS))
        sentences = [line for line in fields(TOPICS[title], "\n") if self.chance(0.6)]
        lead = self.pick([f"Ce qu'il faut savoir sur {title}", f"Conseils : {title}", f"Santé publique - {title}", f"Informations pratiques : {title}"])
        joint = self.pick([" ", "\n", "\n- "])
        return "\n".join([lead, joint.join(self.expand(sentence, {}) for sentence in sentences)])

    def definitions(self):
        lines = []
        for name, definition in self.some(self.glossary, self.number(3, 6)):
            noun = Noun(name)
            form = self.pick(["{n.Le} est {m}.", "{n.Le} désigne {m}.", "On appelle {n} {m}.", "{n.cap} : {m}.", "Par {n}, on entend {m}."])
            lines.append(self.sentence(form, {"n": noun, "m": definition}))
            if self.chance(0.5):
                example = self.pick(["La patiente présente {n.un}.", "Le patient est adressé pour {n.un}.", "L'examen retrouve {n.un}."])
                lines.append(self.sentence(example, {"n": noun}))
        return self.pick([" ", "\n"]).join(lines)

    def report(self, lines, context):
        context = {**context, "said": set()}
        paragraphs = [[]]
        for line in lines:
            if line == "/":
                paragraphs.append([])
            elif not line.startswith("? "):
                paragraphs[-1].append(self.sentence(line, context))
            elif self.chance(0.6):
                paragraphs[-1].append(self.sentence(line[2:], context))
        return "\n".join(" ".join(sentences) for sentences in paragraphs if sentences)

    def document(self):
        kind, lines = self.pick(self.kinds)
        context = self.context(kind)
        text = self.report(lines, context)
        if self.chance(0.02):
            whole_file = [self.pick([entry for entry in self.kinds if entry[0].startswith(("compte", "lettre", "trans", "urg", "bio"))]) for _ in range(12)]
            text = "\n".join([text] + [self.report(each, context) for name, each in whole_file if "opératoire" not in name])
        return self.typography(text)

    def typography(self, text):
        space = self.pick([" ", NO_BREAK, NO_BREAK, NO_BREAK, NARROW_NO_BREAK])
        text = re.sub(r" (?=[:;?!»])", space, text)
        return text.replace("'", APOSTROPHES) if self.chance(0.15) else text

    def dirt(self, text):
        """Damage that cleaning undoes: the cleaned document is the same."""
        kind = int(self.random() * 40)
        if kind == 0:
            return text.replace("\n", "\r\n")
        if kind == 1:
            return unicodedata.normalize("NFD", text)
        if kind in (2, 3):
            junk = self.pick("\u200b\ufeff\u00ad" if kind == 2 else "\x02\x07\x7f")
            place = int(self.random() * len(text))
            return text[:place] + junk + text[place:]
        return text

    def corpus(self, num_bytes):
        """Documents until they hold `num_bytes` bytes, each followed by a blank line."""
        written = []
        size = 0
        while size < num_bytes:
            text = self.pick(written) if written and self.chance(0.03) else self.document()
            written.append(text)
            encoded = (self.dirt(text) + "\n\n").encode()
            size += len(encoded)
            yield encoded


OF_THE = re.compile(r"\b([Dd]e|[Àà]) (les?) ")
OF_SOME = re.compile(r"\b([Dd]e) des ")
IF_HE = re.compile(r"\b([Ss])i (?=ils?\b)")
BEFORE_VOWEL = re.compile(r"(?<![-\w'])([LlDdNnSs]|[Qq]u|[Jj]usqu|[Ll]orsqu|[Pp]uisqu)([ea]) ((?=[aeiouàâéèêëîïôùûœh]|[AEIOU][a-zA-Zé])[\w-]+)")
CONTRACTED = {"de le": "du ", "de les": "des ", "à le": "au ", "à les": "aux "}


def contract(text):
    """Writes elisions and contracted articles: `de le infarctus` → `de l'infarctus`, `à le rein` → `au rein`."""
    text = OF_SOME.sub(r"\1 ", text)
    text = BEFORE_VOWEL.sub(elide, text)
    text = IF_HE.sub(r"\1'", text)
    return OF_THE.sub(join_article, text)


def join_article(match):
    joined = CONTRACTED[match[0].strip().lower()]
    return capitalize(joined) if match[0][0].isupper() else joined


def elide(match):
    short, vowel, word = match.groups()
    keeps = (vowel == "a" and short not in "Ll") or word.rstrip("s") in ASPIRATED_H
    return match[0] if keeps else f"{short}'{word}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", required=True, help="the file to write")
    parser.add_argument("--megabytes", type=float, default=6, help="how many millions of bytes, at least (default 6)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives another corpus (default 0)")
    arguments = parser.parse_args()
    with open(arguments.output, "wb") as output:
        for document in Writer(arguments.seed).corpus(int(arguments.megabytes * 1_000_000)):
            output.write(document)


if __name__ == "__main__":
    main()
