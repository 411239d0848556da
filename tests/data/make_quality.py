#!/usr/bin/env python3
"""Writes quality.jsonl, the labelled set for `clean.quality`: documents of our own, and the verdict that each should get.

    python3 tests/data/make_quality.py
"""

import hashlib
import json
from pathlib import Path

GOOD = """
Asthme
Toux
IRM cérébrale normale.
Paracétamol 500 mg, comprimé
Diabète de type 2 déséquilibré (HbA1c 9,2 %).
Amoxicilline 1 g : 1 comprimé matin, midi et soir pendant 7 jours.
Hb 12,4 g/dL ; VGM 88 fL ; plaquettes 245 G/L ; leucocytes 7,8 G/L ; CRP 12 mg/L ; créatinine 78 µmol/L ; Na 140 mmol/L ; K 4,1 mmol/L ; ASAT 22 UI/L ; ALAT 18 UI/L
J45.0 Asthme à prédominance allergique\nJ45.1 Asthme non allergique\nJ45.8 Asthme associé\nJ45.9 Asthme, sans précision\nJ46 État de mal asthmatique
Posologie\n- adulte : 2 comprimés de 10 mg 3 fois par jour\n- enfant de 6 à 12 ans : 1 comprimé de 5 mg 2 fois par jour\n- sujet âgé : 1 comprimé de 5 mg par jour\n- insuffisant rénal : 1 comprimé de 2,5 mg un jour sur deux
Dupont J, Martin P, Durand L. Prise en charge de la fibrillation atriale en médecine générale. Rev Prat 2019;69:45-52. doi:10.1000/rp.2019.45
TA 120/80 mmHg, FC 72/min, T° 37,2 °C, SpO2 98 % en air ambiant, poids 72 kg, taille 1,75 m, IMC 23,5 kg/m², EVA 3/10, glycémie capillaire 1,02 g/L.
Le patient est adressé par son médecin traitant pour une toux grasse depuis trois semaines. L'auscultation retrouve des crépitants à la base droite, et la radiographie confirme une pneumopathie. Un traitement par amoxicilline est commencé pour une durée de sept jours.
Contre-indications : hypersensibilité à la substance active, insuffisance hépatique sévère, grossesse (3e trimestre), allaitement.
CO₂, O₂, Na⁺/K⁺-ATPase, β-bloquants, α₁-antitrypsine : voir le tableau 2.
Gamma-glutamyl-transpeptidase, phosphatases alcalines, lactate-déshydrogénase, créatine-phosphokinase : à contrôler une fois par mois.
Mesures :\nlundi 12,5\nmardi 13,1\nmercredi 12,9\njeudi 13,4\nvendredi 13,0\nsamedi 12,7\ndimanche 12,8
Électroencéphalographie stéréotaxique intracrânienne
Chlorhydrate de diphénhydramine 25 mg ; bromhydrate de dextrométhorphane 15 mg ; carbocistéine 750 mg ; acétylcystéine 200 mg ; ambroxol 30 mg ; codéine 15 mg ; pholcodine 5 mg ; oxomémazine 3,3 mg ; hélicidine 10 %
Q : Puis-je conduire ? R : Non, pas dans les douze heures qui suivent la prise. Q : Puis-je boire de l'alcool ? R : Non. Q : Et si j'oublie une dose ? R : Ne doublez pas la suivante.
Faut-il jeûner ? Oui, depuis minuit.
« Docteur, j'ai mal partout, dit-il, et la nuit je ne dors pas. »
p < 0,05 ; IC 95 % [1,02-1,34] ; OR = 1,17 ; n = 1 234
Scanner thoraco-abdomino-pelvien : pas d'adénomégalie, pas d'épanchement, foie homogène, rate de taille normale, reins sans dilatation, vessie en semi-réplétion, prostate augmentée de volume, pas de lésion osseuse suspecte.
1. Lavez-vous les mains.\n2. Ouvrez le flacon.\n3. Prélevez 5 ml avec la seringue.\n4. Injectez lentement.\n5. Jetez la seringue dans le collecteur.
"""

DISEASES = ["asthme", "bronchite", "grippe", "otite", "angine", "cystite", "gastrite", "migraine", "lombalgie", "eczéma"]


def note(number):
    disease = DISEASES[number % 10]
    return (
        f"Consultation {number}. La patiente vient pour une {disease} qui dure depuis {number % 7 + 2} jours. Elle a pris du paracétamol sans être soulagée, "
        f"et elle n'a pas d'allergie connue. On lui propose un traitement de {number % 5 + 3} jours avec une surveillance par le médecin traitant."
    )


def words(seed, count, alphabet="abcdefghijklmnopqrstuvwxyz"):
    digest = b"".join(hashlib.sha256(f"{seed}-{part}".encode()).digest() for part in range(count))
    return ["".join(alphabet[byte % len(alphabet)] for byte in digest[at * 7 : at * 7 + 4 + digest[at] % 4]) for at in range(count)]


def numbers(seed, count):
    digest = hashlib.sha512(str(seed).encode()).digest() * 20
    return [str(digest[at] * 256 + digest[at + 1]) for at in range(count)]


def cases():
    good = [line.replace("\\n", "\n") for line in GOOD.strip().split("\n")]
    for text in good + [note(number) for number in range(36)]:
        yield text, "keep"
    for text in ["a", "12", "…", "- 3 -", "1 2", "? !", "A 1", "=", "*", "(b)"]:
        yield text, "too_short"
    for seed in range(10):
        yield "Relevé n° " + str(seed) + " du mois : " + " ; ".join(f"v{at} {number} {number[::-1]}" for at, number in enumerate(numbers(seed, 60))), "too_many_digits"
    for seed in range(10):
        signs = "|*#~^=+_@§°$€<>"
        yield "\n".join(f"{word} {signs[(seed + at) % 15] * 4} {signs[(seed * at) % 15] * 3}" for at, word in enumerate(words(seed, 60))), "too_many_symbols"
    for seed in range(8):
        yield "\n".join(f"function {word}() {{ if (a{at}) {{ b(); }} else {{ c(); }} }}" for at, word in enumerate(words(seed, 20))), "code"
    for seed in range(6):
        yield f"Document {seed}. " + "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.", "placeholder_text"
    for seed in range(6):
        yield "".join(words(seed, 30)), "long_words"
    for seed in range(6):
        yield " ".join("".join(words(f"{seed}{at}", 4)) for at in range(30)), "long_words"
    for seed in range(8):
        stuffing = ["pharmacie", "ligne", "acheter", "viagra", "cialis", "prix", "bas", "livraison", "gratuite", "promo", "soldes", "meilleur", "site", "commander"]
        yield " ".join(stuffing[(seed + at * at + at // 14) % 14] + ("s" if at % 3 == seed % 3 else "") for at in range(90)), "too_few_stop_words"
    for seed in range(8):
        yield "\n".join(f"Cliquez sur le lien pour en savoir plus sur la {DISEASES[seed]}" if at % 4 else f"{note(at)[:40]} ({at})" for at in range(24)), "repetitive_lines"
    for seed in range(8):
        yield " ".join([f"Prenez rendez-vous dès maintenant avec un spécialiste de la {DISEASES[seed]} dans votre ville."] * 12), "repetitive_words"


def main():
    rows = [{"text": text, "verdict": verdict} for text, verdict in cases()]
    path = Path(__file__).with_name("quality.jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
