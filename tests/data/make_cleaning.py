#!/usr/bin/env python3
"""Writes cleaning.jsonl, the labelled set for what cleaning does to a text; languages, quality and privacy have their own.

    python3 tests/data/make_cleaning.py

A case is `raw → clean` on one line, or a text alone that must stay as it is. Escapes are Python's (`\\n`, `\\u00a0`).
"""

import json
import re
from pathlib import Path

CASES = {}

CASES["untouched"] = r"""
Créatininémie à 80 µmol/L, clairance 95 mL/min/1,73 m².
CO₂ 24 mmol/L, PaO₂ ≥ 60 mmHg, Na⁺ 140, Ca²⁺ 2,3 mmol/L, 10⁹/L.
Les β-bloquants et l'α-tocophérol ; γ-GT à 3 N.
« L'œdème », dit-elle, « a cédé ».
Cœur, œsophage, nævus, curriculum vitæ.
p < 0,05 et n > 30, a<b ou c>d, IMC ≤ 25 kg/m².
TA < 14/9 et > 10/6.
M. Dupont, cf. infra, i.e. au réveil, J.-P. Martin.
Version 3.2.1 du 12.03.2021, dose de 1.5 mg, ratio 1.2.
E. coli, C. difficile et S. aureus.
L'amorce 5'-ATGCCG-3' est lue de 5' en 3'.
Voir www.has-sante.fr ou https://ansm.sante.fr/actualites/index.html pour la suite.
- premier point\n- deuxième point\n- troisième point
1. Interrogatoire\n2. Examen clinique\n3. Conduite à tenir
Compte-rendu, c'est-à-dire, peut-être, au-dessous, post-opératoire.
Fin de phrase… puis la suite... et la fin.
CONCLUSION\n\nExamen normal.
VIH, BPCO, HTA, DT2, IRM.
Selon [1] et [2, 3], (voir Fig. 2) et le tableau 3 [ref].
Vitamine B12, HbA1c à 7,2 %, T3, T4, TSH.
SÃO PAULO et NÃO sont des mots portugais.
Ångström, Müller, Señor, façade, naïf, aigüe.
Âge : 38 ans ; Île-de-France ; Êtes-vous à jeun ?
Les valeurs sont | 12 | 14 | 16 |
Paracétamol 1 g x 3/j ; Augmentin® 1 g ; Doliprane™.
37,2 °C – 38,5 °C ; 5 à 10 % ; ± 2 ET ; 10 × 10³.
Prise en charge à 100 % (ALD n° 30).
Le patient dit : "j'ai mal".
Question ? Réponse ! Fin.
Glasgow 15/15, EVA 3/10, score 12/20.
12/03/2021
R&D, AT&T, S & P.
x <- 3 ; y != 4 ; {a, b}
<LOQ et <12 ng/mL
Aspirine 75 mg/j, 1-0-1, si besoin.
Chapitre 2 : la douleur\n\nLa douleur est un symptôme. Elle se mesure.
Gène BRCA1 c.5266dupC p.(Gln1756fs).
Dr Martin, le 3/4.
Il a 3 enfants.\nIl vit seul.
Site(s) atteint(s) : foie, rein(s).
a.m., p.m., s.c., i.v., p.o., v.o.
≈ 5 % ; ≠ 0 ; → guérison ; ∆ = 3 ; ½ comprimé ; n°2 ; 1er ; 2e.
"""

CASES["white_space"] = r"""
Toux  grasse → Toux grasse
 Toux grasse  → Toux grasse
Toux\tgrasse → Toux grasse
Fièvre\u00a0: 38\u202f°C → Fièvre : 38 °C
Toux\r\ngrasse → Toux\ngrasse
Toux\rgrasse → Toux\ngrasse
Toux\n\n\n\ngrasse → Toux\n\ngrasse
Toux \n grasse → Toux\ngrasse
Toux\fgrasse → Toux\ngrasse
Toux\u2028grasse\u2029sèche → Toux\ngrasse\nsèche
Toux\u3000\u2003grasse → Toux grasse
\n\nToux\n\n → Toux
Toux\n \t \ngrasse → Toux\n\ngrasse
"""

CASES["characters"] = r"""
\ufeffToux → Toux
hypo\u00adtension → hypotension
hyper\u200btension → hypertension
to\u0000ux\u0007 → toux
e\u0301pilepsie → épilepsie
c\u0327a va → ça va
fin\ufffd de ligne → fin de ligne
\u202aToux\u202c → Toux
\uf0b7 Toux\n\uf0b7 Fièvre → • Toux\n• Fièvre
TA \uf0b3 14 et \uf0a3 18 → TA ≥ 14 et ≤ 18
\uf062-bloquant, 5 \uf06dg → β-bloquant, 5 µg
\ue000Toux → Toux
Toux\u2060grasse → Touxgrasse
\u200eToux\u200f → Toux
"""

CASES["unified"] = r"""
l’hôpital → l'hôpital
‘mot’ → 'mot'
“mot” → "mot"
l’“état” → l'"état"
e\ufb03cace → efficace
\ufb01èvre, \ufb02ore, e\ufb00et → fièvre, flore, effet
post\u2010opératoire → post-opératoire
post\u2011opératoire → post-opératoire
aujourd\u02bchui → aujourd'hui
"""

CASES["leaders"] = r"""
Chapitre 1 ........ 12 → Chapitre 1 … 12
Chapitre 1........12 → Chapitre 1 … 12
Nom : ____________ → Nom : …
Dose…………20 mg → Dose … 20 mg
Introduction . . . . . . 3 → Introduction … 3
Signature ......\nDate ...... → Signature …\nDate …
"""

CASES["mojibake"] = r"""
fiÃ¨vre et asthÃ©nie → fièvre et asthénie
lâ€™Å“dÃ¨me → l'œdème
Â« toux Â» → « toux »
5 Âµg/mÂ² → 5 µg/m²
Ã\u00a0 jeun → à jeun
dÃ©jÃ\u00a0 vu â€¦ → déjà vu …
fiÃƒÂ¨vre → fièvre
l\u0092hôpital → l'hôpital
\u0093mot\u0094 → "mot"
TA â‰¥ 14 → TA ≥ 14
Î²-bloquant → β-bloquant
prÃ©vention â€“ dÃ©pistage → prévention – dépistage
"""

CASES["html"] = r"""
Toux <b>grasse</b> → Toux grasse
<p>Toux</p><p>Fièvre</p> → Toux\n\nFièvre
Toux<br>grasse → Toux\ngrasse
Toux<br/>grasse → Toux\ngrasse
5 m<sup>2</sup> → 5 m²
CO<sub>2</sub> → CO₂
1<sup>er</sup> jour → 1er jour
Toux<!-- commentaire --> grasse → Toux grasse
<script>var x = 1;</script>Toux → Toux
<style>p {color: red}</style>Toux → Toux
<a href="https://exemple.fr/x?y=1">La fiche</a> du patient → La fiche du patient
<ul><li>un</li><li>deux</li></ul> → un\n\ndeux
<nav>Accueil Contact</nav>Toux → Toux
<span class="a">T</span>oux → Toux
<o:p></o:p>Toux → Toux
Toux <img src="a.png" alt="x">grasse → Toux grasse
"""

CASES["entities"] = r"""
l&#039;h&ocirc;pital → l'hôpital
&lt; 5 mg &amp; plus → < 5 mg & plus
5&nbsp;mg → 5 mg
&laquo;&nbsp;toux&nbsp;&raquo; → « toux »
fi&egrave;vre &#x2265; 38 → fièvre ≥ 38
&amp;eacute;tat → état
&oelig;d&egrave;me → œdème
&rsquo;état → 'état
"""

CASES["markdown"] = r"""
Voir [la fiche](https://exemple.fr/fiche). → Voir la fiche.
![schéma](image.png) Légende → schéma Légende
Lire [ici](/page/2 "titre") la suite → Lire ici la suite
"""

CASES["hyphenation"] = r"""
hyper-\ntension artérielle → hypertension artérielle
une insuf-\nfisance rénale → une insuffisance rénale
la rééduca-\ntion du patient → la rééducation du patient
un anti-\ninflammatoire → un anti-inflammatoire
en post-\nopératoire immédiat → en post-opératoire immédiat
Compte-\nRendu → Compte-\nRendu
la COVID-\n19 → la COVID-\n19
"""

CASES["letter_spacing"] = r"""
D I A B È T E → DIABÈTE
C O N C L U S I O N : normal → CONCLUSION : normal
A B C D → A B C D
groupes A, B, C, D, E et F → groupes A, B, C, D, E et F
"""

CASES["tight_stop"] = r"""
Pas de fièvre.Le patient tousse. → Pas de fièvre. Le patient tousse.
Douleur ?Oui, vive.Non irradiée. → Douleur ?Oui, vive. Non irradiée.
C'est fini!Bravo. → C'est fini! Bravo.
fichier.Txt et index.Html → fichier. Txt et index. Html
pH 7.Il → pH 7.Il
"""

CASES["page_lines"] = r"""
Toux grasse\nPage 3 sur 12\nsans fièvre → Toux grasse\nsans fièvre
Toux\n3/12\nfin → Toux\nfin
Imprimer\nToux grasse → Toux grasse
Toux grasse\nHaut de page → Toux grasse
Toux\nPartager sur Facebook\nfin → Toux\nfin
Accueil > Santé > Diabète\nLe diabète → Le diabète
Toux\nMentions légales | Plan du site → Toux
Toux\n© 2021 CHU Exemple. Tous droits réservés. → Toux
Nous utilisons des cookies pour améliorer votre visite.\nToux → Toux
Tout accepter\nTout refuser\nToux → Toux
Toux\n- 4 / 10 -\nfin → Toux\nfin
La page 3 du rapport → La page 3 du rapport
Le patient doit accepter les soins. → Le patient doit accepter les soins.
"""

CASES["scripts"] = r"""
var x = document.getElementById("a");\nToux → Toux
Toux\nfunction f() { return 1; }\nfin → Toux\nfin
.menu { color: red; }\nToux → Toux
La fonction rénale (clairance) est normale. → La fonction rénale (clairance) est normale.
"""

CASES["repeated_lines"] = r"""
Ce document ne remplace pas l'avis d'un médecin ou d'un pharmacien.\nToux.\nCe document ne remplace pas l'avis d'un médecin ou d'un pharmacien. → Ce document ne remplace pas l'avis d'un médecin ou d'un pharmacien.\nToux.
Oui.\nNon.\nOui. → Oui.\nNon.\nOui.
"""

CASES["mixed"] = r"""
<p>L&rsquo;hyper-\ntension art&eacute;rielle</p>\r\n<p>Page 2 sur 4</p> → L'hypertension artérielle
\ufeff&lt;b&gt;Toux&lt;/b&gt;\u00a0: oui → Toux : oui
D I A B È T E\u00a0: voir <a href="x.html">l’annexe</a>.Le suivi est annuel. → DIABÈTE : voir l'annexe. Le suivi est annuel.
[La fiÃ¨vre](https://exemple.fr) &amp; la toux........ 3 → La fièvre & la toux … 3
"""


def escapes(text):
    """The text with its escapes, and only them, replaced."""
    return re.sub(r"\\u[0-9a-f]{4}|\\.", lambda escape: escape[0].encode().decode("unicode_escape"), text)


def main():
    rows = []
    for kind, lines in CASES.items():
        for line in lines.strip("\n").split("\n"):
            raw, arrow, clean = line.partition(" → ") if kind != "untouched" else (line, "", line)
            rows.append({"kind": kind, "text": escapes(raw), "expected": escapes(clean if arrow else raw)})
    path = Path(__file__).with_name("cleaning.jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
