#!/usr/bin/env python3
"""Writes privacy.jsonl, the labelled set for `clean.privacy`: who and what is in it is invented, only the check digits are right.

    python3 tests/data/make_privacy.py

A case is one line of CASES. `{EMAIL:a@b.fr}` is an identity: `text` holds what is inside, `expected` holds `[EMAIL]`. In an
identity a `K` (two in a NIR or IBAN, one in a card number) is replaced by the right check digits; `{wrong:NIR:…}` gets wrong ones and is no
identity. `⏎` is a line feed. Every second case of a kind belongs to the held-out half: the rules were
written without it, scored once, and then mended on both halves (figures in pipeline/src/clean/privacy/README.md).
"""

import json
import re
from pathlib import Path

CASES = {}

CASES["email"] = """
Contact : {EMAIL:jean.dupont@chu-exemple.fr}
Merci d'écrire à {EMAIL:m.leroy75@orange.fr} avant vendredi.
Adresse électronique : {EMAIL:secretariat.cardio@hopital-saint-luc.example.org}.
Secrétariat⏎Service de néphrologie⏎{EMAIL:nephro_secr@ch-valmont.fr}
<{EMAIL:Claire.Petit@gmail.com}> a écrit :
mailto:{EMAIL:contact+rdv@clinique-des-pins.com}
Courriels : {EMAIL:a.b@univ-exemple.fr} ; {EMAIL:c-d@univ-exemple.fr}
patient joignable ({EMAIL:zoe1987@hotmail.fr})
MAIL {EMAIL:J.MARTIN@CHRU-EXEMPLE.FR}
Envoyer le CR à {EMAIL:labo%bio@biolab.health}, merci
E-mail:{EMAIL:prenom.nom@aphp.example.fr}
Ecrire à {EMAIL:o'brien@exemple.ie} pour l'essai.
pharmacie de garde|{EMAIL:garde@pharma-centre.fr}|ouverte
{EMAIL:sylvie.moreau@wanadoo.fr}
adresse : {EMAIL:jean.dupont (at) chu-exemple.fr}
adresse : {EMAIL:jean.dupont[at]chu-exemple.fr}
écrire à {EMAIL:marie.curie arobase institut-exemple.fr} pour participer
{EMAIL:secretariat (arobase) ch-exemple.fr}
contact {EMAIL:p.durand(at)gmail.com}
{EMAIL:accueil @ clinique-exemple.fr} (secrétariat)
courriel {EMAIL:anne.lefevre AT laposte.net} merci
mon mail est {EMAIL:jean.dupont arobase exemple point fr}
{EMAIL:recherche.clinique@chu-exemple.re}, tél. interne
Signalement : {EMAIL:alerte-sanitaire@ars.sante.example.fr}!
Répondre à:{EMAIL:x@y.eu}
l'adresse {EMAIL:élodie.garçon@exemple.fr} est inactive
Compte @SanteInfo sur les réseaux
Suivez-nous : @ansm et @has_sante
dose de 5 mg @ 20 °C
le seuil (at) risk n'est pas défini
un arobase (@) suffit
facteur V Leiden @1691G>A
dilution 3@4 puis 5@6
la touche arobase du clavier
at home ou at work
AUC@24h = 12 mg.h/L
code R: df@assays$RNA@data
marqueur CD4@high / CD8@low
prix : 12 € @ l'unité
identifiant git@v2 du script
"from": "{EMAIL:noreply@doctolien.example.com}", "to": "{EMAIL:k.benali@exemple.tn}"
Nom;Mail⏎A;{EMAIL:a1@b2.fr}⏎B;{EMAIL:b.b@c-d.fr}
{EMAIL:secretariat (at) chu-exemple (dot) fr}
écrire à {EMAIL:anne.petit[arobase]exemple[point]fr}, merci
"""

CASES["telephone"] = """
Tél. : {TELEPHONE:01 23 45 67 89}
Tel {TELEPHONE:01.23.45.67.89} / Fax {TELEPHONE:01.23.45.67.90}
Portable {TELEPHONE:06-12-34-56-78}
Appeler le {TELEPHONE:0612345678} en cas de fièvre.
{TELEPHONE:+33 1 23 45 67 89}
{TELEPHONE:+33123456789}
International : {TELEPHONE:+33 (0)1 23 45 67 89}
{TELEPHONE:+33(0)6 12 34 56 78}
Depuis l'étranger {TELEPHONE:0033 1 23 45 67 89}.
{TELEPHONE:0033612345678} (portable de la fille)
Secrétariat ☎ {TELEPHONE:04 72 00 00 01}
Fax:{TELEPHONE:0472000002}
Joindre Mme au {TELEPHONE:07 81 22 33 44} après 18 h
{TELEPHONE:0590 12 34 56} (Pointe-à-Pitre)
La Réunion : {TELEPHONE:0262 12 34 56}
Martinique {TELEPHONE:05 96 12 34 56}, Guyane {TELEPHONE:0594 12 34 56}
{TELEPHONE:+590 590 12 34 56}
{TELEPHONE:+262 692 12 34 56}
tél {TELEPHONE:02/98/12/34/56}
{TELEPHONE:(+33) 3 88 12 34 56}
numéro : {TELEPHONE:09 70 12 34 56}.
DECT 4512, ligne directe {TELEPHONE:03 20 44 00 01}
{TELEPHONE:01 23 45 67 89} - {TELEPHONE:06 98 76 54 32}
rappeler ({TELEPHONE:06 11 22 33 44}) demain
contact_tel;{TELEPHONE:0633221100};oui
Prévenir la fille au {TELEPHONE:06 12 34 56 78}⏎Sortie le 12/03/2021
Tél:{TELEPHONE:05 61 00 11 22}Fax:{TELEPHONE:05 61 00 11 23}
{TELEPHONE:+33.1.23.45.67.89}
{TELEPHONE:+33-6-12-34-56-78}
{TELEPHONE:+33 6 12 34 56 78} ou {TELEPHONE:+33612345679}
Urgences : composer le 15 ou le 112.
En cas de détresse, le 3114 répond jour et nuit.
Tabac info service : 39 89 ou 3989
Numéro vert 0 800 130 000 (appel gratuit)
Centre d'appel 0800 47 33 33
Sourds : 114, SAMU social : 115
doses de 10 20 30 40 50 mg
paliers 05 10 15 20 25 30 35
séries : 01 02 03 04 05 06 07 08
CIP 3400934567890
réf. 0123456789012
tension 120/80, pouls 80, 06/12/2021
DOI 10.1016/0123456789
0,0612345678 µmol
GTIN 03400934567890
lot 0612345678A
page 01 à 23, 45 pages
03.12.2020 14:05:06
scores 02 12 34 56
0 825 12 34 56 (0,15 €/min)
résultats 01 23 45 67 89 10 11 12
numéro d'essai 2012-005678-34
"""

CASES["nir"] = """
NIR : {NIR:1 85 05 78 006 048 KK}
N° de sécurité sociale {NIR:2850578006048KK}
{NIR:2 69 05 49 588 157 KK}
Immatriculation {NIR:1.52.11.75.114.023.KK}
NIR {NIR:1 76 03 2A 004 012 KK}
{NIR:2 81 12 2B 033 201 KK} (Bastia)
n° SS : {NIR:191082A004012KK}
Assuré : {NIR:1 60 07 99 351 020 KK}
{NIR:1850578006048 KK}
{NIR:2 92 01 974 11 023 KK}
Sécu {NIR:1 85 05 78 006 048 / KK}
Numéro INS : {NIR:2850578006048KK}
carte vitale {NIR:2 58 04 13 055 087 KK} présentée
;{NIR:1740559350112KK};M;
{NIR:1-85-05-78-006-048-KK}
Le patient ({NIR:1 47 09 33 063 210 KK}) est exonéré
NIR:{NIR:2 00 06 69 123 456 KK}
n° assuré social {NIR:1 85 05 78 006 048 clé KK}
{NIR:2 85 05 78 006 048 | KK} | DURAND
Matricule INS {NIR:103022B033010KK} qualifié
NIR sans clé : {NIR:1 85 05 78 006 048}
numéro de sécurité sociale : {NIR:2850578006048}
N° Sécurité sociale {NIR:1 76 03 2A 004 012}
NSS {NIR:2690549588157}
NIR (13 caractères) : {NIR:1910875114023}
{NIR:1 85 20 78 006 048 KK} avec un mois fictif
{NIR:7 85 05 99 100 048 KK}
{NIR:18505 78006048 KK}
Bénéficiaire {NIR:2 74 10 59 350 112 KK}, ALD 30
code {NIR:2 85 05 78 006 048 KK}.
{wrong:NIR:1 85 05 78 006 048 KK}
identifiant {wrong:NIR:2850578006048KK}
1850578006048
échantillon 2850578006048
CIP13 3400934567890
EAN 3400930000014
mesures 1 85 05 78 6 48 42
1 10 20 30 400 500 60
code-barres 1234567890123
{wrong:NIR:1 76 03 2A 004 012 KK}
SIRET 123 456 789 00012
le 1 85 % des cas, 05 78 %
essai 2018-05780060-48
185 057 800 604 842 000 habitants
hash 185057800604842a9f
valeurs 2 81 12 22 33 20 15 12
"""

CASES["iban"] = """
IBAN : {IBAN:FRKK 3000 6000 0112 3456 7890 189}
Virement sur {IBAN:FRKK30006000011234567890189}
RIB {IBAN:FRKK 2004 1010 0505 0001 3M02 606}
{IBAN:DEKK 3704 0044 0532 0130 00}
IBAN:{IBAN:BEKK 5390 0754 7034}
compte {IBAN:CHKK 0076 2011 6238 5295 7}
{IBAN:LUKK 0019 4006 4475 0000}
IBAN {IBAN:MCKK 1122 2000 0101 2345 6789 030}
remboursement : {IBAN:frKK 3000 6000 0112 3456 7890 189}
{IBAN:ESKK 2100 0418 4502 0005 1332}.
{IBAN:ITKK X054 2811 1010 0000 0123 456}
BIC AGRIFRPP IBAN {IBAN:FRKK 1027 8000 0100 0123 4567 890}
{IBAN:GBKK NWBK 6016 1331 9268 19}
IBAN (cotisations) {IBAN:FRKK-3000-6000-0112-3456-7890-189}
iban;{IBAN:FRKK12345678901234567890123};ok
{IBAN:NLKK ABNA 0417 1643 00} (Pays-Bas)
{IBAN:PTKK 0002 0123 1234 5678 9015 4}
{IBAN:PLKK 1090 1014 0000 0712 1981 2874}
payé par {IBAN:MAKK 0115 1900 0001 2050 0053 4921} le 3 mars
{IBAN:TNKK 1000 6035 1835 9847 8831}
FACTURE⏎IBAN⏎{IBAN:FRKK 4255 9100 0008 0123 4567 812}⏎Total 50 €
{IBAN:FRKK 300 060 000 112 345 678 901 89}
({IBAN:FRKK 1820 6000 5565 0123 4567 890})
{IBAN:IEKK AIBK 9311 5212 3456 78}
{IBAN:SEKK 5000 0000 0583 9825 7466}
Le compte {IBAN:FRKK30004008280001234567843}, merci
{wrong:IBAN:FRKK 3000 6000 0112 3456 7890 189}
{wrong:IBAN:DEKK370400440532013000}
brevet FR2978356
norme FR76
lot FR12 3456
TVA FR 40 303 265 045
TVA FR40303265045
brevet EP1234567B1, US 6,123,456
gène CH25H, DE12
CIM-10 : IT12 n'existe pas
{wrong:IBAN:BEKK 5390 0754 7034}
EudraCT 2004-000446-20
référence GB1234567890
ES12 et ES13, cellules IT15
numéro NL12345 du registre
AMM EU/1/12/753/001-012
essai NCT01234567, DE 2012
virement {IBAN:BRKK 0036 0305 0000 1000 9795 493P 1}
{IBAN:KWKK CBKU 0000 0000 0000 1234 5601 01}
"""

CASES["carte_bancaire"] = """
Carte {CARTE_BANCAIRE:4970 1012 3456 789K}
CB : {CARTE_BANCAIRE:497010123456789K}
{CARTE_BANCAIRE:5131 2345 6789 012K} exp. 12/25
payé avec {CARTE_BANCAIRE:5412-7534-5678-901K}
Visa {CARTE_BANCAIRE:4111 1111 1111 111K}
Amex {CARTE_BANCAIRE:3782 822463 1000K}
{CARTE_BANCAIRE:37828224631000K}
MasterCard {CARTE_BANCAIRE:2223 0031 2200 322K}
{CARTE_BANCAIRE:555555555555444K}, cryptogramme
Discover {CARTE_BANCAIRE:6011 1111 1111 111K}
JCB {CARTE_BANCAIRE:3530 1113 3330 000K}
Diners {CARTE_BANCAIRE:3056 930902 590K}
carte;{CARTE_BANCAIRE:453201511283036K};12/27
numéro de carte bancaire : {CARTE_BANCAIRE:4539 1488 0343 646K}
({CARTE_BANCAIRE:4485 2757 4230 832K})
{CARTE_BANCAIRE:5101 2345 6789 013K}⏎
règlement CB {CARTE_BANCAIRE:4974 0000 1111 222K}.
{CARTE_BANCAIRE:4000-0566-5566-555K}
CARTE BLEUE {CARTE_BANCAIRE:4973 1234 5678 901K} à débiter
le {CARTE_BANCAIRE:453276988765432K} a été débité
n°{CARTE_BANCAIRE:5500 0000 0000 000K}
{CARTE_BANCAIRE:3400 000000 0000K}
{CARTE_BANCAIRE:6500 0000 0000 000K} acceptée
consultation payée, CB {CARTE_BANCAIRE:4917 4845 8989 710K}
{CARTE_BANCAIRE:5204 7400 0000 100K}, {CARTE_BANCAIRE:4263 9700 0000 526K}
{wrong:CARTE_BANCAIRE:4970 1012 3456 789K}
{wrong:CARTE_BANCAIRE:497010123456789K}
{wrong:CARTE_BANCAIRE:5412 7534 5678 901K}
CIP 3400936512345
GTIN 03400936512349
ISBN 9782294715512
ISBN 978-2-294-71551-2
SIRET 41234567800012
code UDI 0103400936512349
1990 1991 1992 1993
numéro de série 1234567890123456
EAN 4006381333931
séquence 4111 1111 1111
identifiant 00001111222233334444
{wrong:CARTE_BANCAIRE:37828224631000K}
population 4 970 101 234 567 890
SNOMED CT 999000041000000102
"""

CASES["ip"] = """
Adresse IP : {IP:192.168.1.25}
Connexion depuis {IP:82.64.120.17} à 14 h
serveur {IP:10.0.0.12} injoignable
IP={IP:172.16.254.1}
ping {IP:193.54.110.9}
{IP:81.255.33.4} - - [12/Mar/2021:10:12:01] "GET / HTTP/1.1" 200
l'hôte {IP:195.101.44.3} a été bloqué
http://{IP:192.168.10.4}:8080/dossier
proxy {IP:10.12.33.7}:3128
passerelle {IP:192.168.0.254}, masque {IP:255.255.255.0}
sous-réseau {IP:10.44.0.0}/16
({IP:90.12.211.40})
IPv4 {IP:78.192.14.201}.
dernier accès;{IP:109.190.22.13};ok
adresse ip du poste : {IP:10.1.2.3}
DNS {IP:8.8.8.8}
IPv6 {IP:2001:0db8:85a3:0000:0000:8a2e:0370:7334}
{IP:2a01:e0a:1c4:8d30::12}
adresse {IP:fe80::1ff:fe23:4567:890a}
[{IP:2001:db8::8a2e:370:7334}]:443
depuis {IP:2a02:8428:5d1:9f01:b1c2:44ff:fe12:9a0b} hier
IP {IP:2001:41d0:8:e31c::1}
log {IP:213.186.33.5} error 404
utilisateur {IP:86.250.1.199}, navigateur inconnu
adresses IP {IP:83.112.45.6} et {IP:83.112.45.7}
version 10.15.7.2 du logiciel
4.1.2.3 Populations particulières
voir section 4.8.1.2
§ 3.2.1.5
la trypsine (EC 3.4.21.4)
EC 2.7.11.1 et EC 3.1.1.101
v2.10.100.3
Chrome/96.0.4664.110
1.2.250.1.213.1.1.9
tableau 12.3.4.5 page 7
chapitre 2.13.100.4
à 10:30:45 précises
rapport 1:2:4:8
gradient 10.20.30.400
le 12.03.2020.
ratio 00:30:15:20
std::vec et a::b
heure 12:34:56:78
Annexe 1.2.3.4 du guide
logiciel 21.10.120.31 (version installée)
"""

CASES["url"] = """
{URL:https://jdupont:secret99@dossier.chu-exemple.fr/patient}
dépôt {URL:ftp://labo:Passe.2020@ftp.biolab.example.fr/resultats/}
lien : {URL:https://portail.exemple.fr/login?token=a8f3e91c77b2}
{URL:https://api.exemple.fr/v1/docs?id=3&access_token=eyJhbGciOi.abc}
cliquer {URL:https://sante.exemple.fr/reset?password=Azerty12}.
({URL:https://exemple.fr/file?sig=Zm9vYmFy&exp=99})
{URL:http://admin:admin@192.168.1.1/}
Téléconsultation : {URL:https://visio.exemple.fr/room?jwt=eyJ0eXAi.eyJzdWIi.sig}
{URL:https://exemple.fr/rdv?session=99ab31fe}
SSH {URL:sftp://user:pw@sftp.exemple.org:22/in}
{URL:https://exemple.fr/?api_key=12ab34cd} ne pas diffuser
résultats : {URL:https://labo.exemple.fr/r?apikey=ZZ81Kq}
{URL:https://exemple.fr/page?a=1&pwd=toto#top}, merci
<{URL:https://exemple.fr/doc?sessionid=abcdef123456}>
{URL:postgres://nachos:motdepasse@db.exemple.fr:5432/base}
voir {URL:https://exemple.fr/a?auth=Qm9uam91cg} et la suite
{URL:https://exemple.fr/partage?x=2&secret=bb12}
URL;{URL:https://u:p@h.fr};fin
« {URL:https://exemple.fr/invitation?TOKEN=AbC123} »
{URL:HTTPS://JEAN:MDP@EXEMPLE.FR/X}
imap {URL:imaps://marie:pass%40word@mail.exemple.fr}
{URL:https://exemple.fr/cb?code=1&refresh_token=77aa88bb}
le lien {URL:https://exemple.fr/dl?signature=9f8e7d&f=cr.pdf} expire demain
{URL:https://exemple.fr/s?jsessionid=0A1B2C3D}
{URL:https://exemple.fr/s;jsessionid=0A1B2C3D?x=1}
https://www.has-sante.fr/jcms/c_2638/fr
https://doi.org/10.1056/NEJMoa2034577
http://www.exemple.fr/?q=token+ring
https://exemple.fr/page?id=12&lang=fr
https://exemple.fr/keynote?author=martin
http://exemple.fr:8080/a:b
https://exemple.fr/@compte/article
https://exemple.fr/glossaire#token
voir www.ansm.sante.fr
https://exemple.fr/recherche?keyword=insuline&page=2
https://exemple.fr/tokens?monkey=1
ftp://ftp.ncbi.nlm.nih.gov/pub/
https://exemple.fr/a?token=
rapport 1://2
http://www.legifrance.gouv.fr/affichTexte.do?cidTexte=JORFTEXT000000697546&dateTexte=
https://exemple.fr/a?passage=3&codec=x
"""

CASES["rpps"] = """
RPPS : {RPPS:10003456789}
N° RPPS {RPPS:10101234567}
Dr A. B.⏎RPPS {RPPS:10002345678}⏎Médecin généraliste
RPPS:{RPPS:10100987654}
numéro RPPS : {RPPS:10001112223}
n°RPPS:{RPPS:10004445556}
(RPPS {RPPS:10101010101})
identifié au RPPS sous le numéro {RPPS:10005556667}
R.P.P.S. : {RPPS:10006667778}
RPPS n° {RPPS:10007778889}
Prescripteur RPPS {RPPS:10 00 345 678 9}
RPPS {RPPS:100 0345 6789}
N° RPPS du prescripteur : {RPPS:10003334445}
rpps={RPPS:10009990001}
Identifiant RPPS : {RPPS:10012312312}.
Code RPPS {RPPS:10045645645} - spécialité 01
RPPS|{RPPS:10078978978}|actif
Sage-femme, RPPS {RPPS:10100200300}
Numéro RPPS (11 chiffres) : {RPPS:10003456780}
RPPS - {RPPS:10100200301}
RPPS⏎{RPPS:10003456781}
pharmacien ; RPPS ; {RPPS:10003456782}
Mon numéro RPPS est le {RPPS:10003456783}
N°RPPS {RPPS:10003456784} N°AM 291234567
Médecin traitant (RPPS : {RPPS:10003456785})
RPPS {RPPS:10003456786}, à Brest
le répertoire RPPS compte 220000 médecins
RPPS 2019
identifiant 10003456789
le RPPS remplace ADELI depuis 2011
RPPS version 3.2
facture 10101234567
RPPS : non renseigné, dossier du 12/03/2021
12345678901 copies
le fichier RPPS de 2018 contient 11 chiffres
RPPS (11 chiffres)
RPPS 1234
montant 10000000000 euros
lot 10101234567
le RPPS, article 12 du code, 25 000 euros
inscrits au RPPS : 226 219 au 1er janvier
ARN 10003456789 copies/mL
"""

CASES["adeli"] = """
ADELI : {ADELI:751234567}
N° ADELI {ADELI:291012345}
ADELI {ADELI:69 1 01234 5}
Infirmière libérale, ADELI {ADELI:356012347}
n°ADELI:{ADELI:139301234}
Adeli : {ADELI:599301234}
numéro ADELI : {ADELI:441012345}
Psychologue⏎N° Adeli : {ADELI:339300123}
(ADELI {ADELI:2A9301234})
ADELI n° {ADELI:2B1012345}
Numéro Adéli {ADELI:759301234}
code ADELI {ADELI:921012340}
ADELI={ADELI:311012345}
adeli {ADELI:061012345}
kinésithérapeute (N° ADELI : {ADELI:357012340})
Orthophoniste - ADELI {ADELI:679101234} - conventionnée
Identifiant ADELI {ADELI:971012345}
enregistré au répertoire ADELI sous le n° {ADELI:949301230}
ADELI|{ADELI:381012345}
ADELI⏎{ADELI:381012346}
Opticien ADELI {ADELI:852601234}.
N° ADELI/{ADELI:381012347}
ADELI: {ADELI:75 93 0123 4}
A.D.E.L.I. {ADELI:381012348}
Mon numéro ADELI est {ADELI:381012349}
Adeli;{ADELI:381012350};75
le répertoire ADELI, créé en 1998
ADELI 2019
751234567
SIREN 751234567
ADELI compte 123456 professionnels
UF 291012345
ADELI (9 chiffres)
le fichier ADELI : 98 000 infirmiers
dans ADELI, 3 % des fiches
ADELI version 12
population 751 234 567
ADELI : néant, SIREN 381012351
montant de 291012345 euros
PMID: 291012345
ADELI ou RPPS
code 2A9301234
"""

CASES["finess"] = """
FINESS : {FINESS:750712184}
N° FINESS {FINESS:290000017}
FINESS ET {FINESS:690781810}
FINESS EJ : {FINESS:690781811}
FINESS géographique {FINESS:130786049}
FINESS juridique : {FINESS:350005179}
n°FINESS:{FINESS:2A0000014}
Finess {FINESS:2B0000020}
CHU de X⏎FINESS {FINESS:330781196}
(FINESS {FINESS:440000289})
numéro FINESS : {FINESS:590780193}
code Finess {FINESS:750000001}
N° Finess établissement : {FINESS:970100228}
FINESS={FINESS:310781406}
FINESS {FINESS:75 0 71218 4}
FINESS {FINESS:750 712 184}
Identifiant FINESS {FINESS:670780055}.
FINESS|{FINESS:670000000}
FINESS⏎{FINESS:540023264}
finess;{FINESS:800000044};CHU
FINESS n° {FINESS:870000015}
Laboratoire (N° FINESS : {FINESS:920030269})
FINESS de l'établissement : {FINESS:940016870}
FINESS ETAB {FINESS:210780581} UF 1234
F.I.N.E.S.S. {FINESS:450000088}
enregistré au FINESS sous le numéro {FINESS:450000089}
FINESS 2019
le fichier FINESS recense 95 000 établissements
750712184
SIREN 290000017
FINESS (9 chiffres)
base FINESS, version 2.1
SIRET 26750045200011
FINESS : sans objet, dossier 2020
téléchargement FINESS du 12/03/2021
code commune 75056
FINESS de 1980 à 2010
montant 690781810
FINESS et SAE 2018
la variable NOFINESS est codée sur 9 caractères
extraction FINESS 20210312
FINESS regroupe 3 catégories
"""

CASES["adresse"] = """
Demeurant {ADRESSE:12, rue de la Paix, 75002 Paris}
{ADRESSE:12 bis, rue de la Paix, 75002 Paris}
Adresse : {ADRESSE:3 avenue du Général de Gaulle 94000 Créteil}
M. X⏎{ADRESSE:27 boulevard Jean-Jaurès⏎69003 LYON}
habite au {ADRESSE:8 rue des lilas} avec sa mère
{ADRESSE:45 allée des Tilleuls, 33700 Mérignac}
{ADRESSE:14 chemin du Moulin, 29200 Brest}.
domicile : {ADRESSE:5 ter impasse Pasteur 59000 LILLE}
{ADRESSE:BP 123, 75013 Paris}
CHU de X⏎{ADRESSE:CS 12345⏎35033 Rennes Cedex 9}
{ADRESSE:Lieu-dit Kerbrat, 29860 Plabennec}
{ADRESSE:1 place de la République 67000 Strasbourg}
{ADRESSE:22, av. Victor Hugo, 06000 Nice}
{ADRESSE:22 bd Saint-Michel, 75005 PARIS}
née le 3 mars, réside {ADRESSE:6 quai des Grands-Augustins, 75006 Paris}
{ADRESSE:101 route de Vannes, 44800 Saint-Herblain}
Résidant {ADRESSE:4 square du 8 mai 1945, 93200 Saint-Denis}
{ADRESSE:15 rue du 11 Novembre 42100 Saint-Étienne}
{ADRESSE:9 rue de l'Abbé-de-l'Épée, 13005 Marseille}
{ADRESSE:2 Rue St Jacques, Bât. B, 31000 Toulouse}
{ADRESSE:12 rue des Acacias, appt 14, 38000 Grenoble}
{ADRESSE:1 avenue Molière - 67200 Strasbourg}
EHPAD Les Pins, {ADRESSE:7 cours Gambetta, 34000 Montpellier}
{ADRESSE:18 RUE DU FAUBOURG SAINT HONORE 75008 PARIS}
{ADRESSE:3 hameau de la Vallée 76190 Yvetot}
{ADRESSE:59 boulevard Pinel, BP 30039, 69678 Bron Cedex}
adresse {ADRESSE:33 rue d'Alésia 75014 Paris}, 3e étage
retour au domicile ({ADRESSE:10 rue Pasteur, 02100 Saint-Quentin})
{ADRESSE:25B rue de Bretagne, 75003 Paris}
{ADRESSE:12-14 rue de Vaugirard, 75006 Paris}
nom;adresse⏎A;{ADRESSE:4 rue Haute 57000 Metz}
{ADRESSE:résidence Les Oliviers, 83000 Toulon}
Il vit {ADRESSE:19 rue de la gare}.
{ADRESSE:20 place Bellecour, 69002 Lyon}⏎Tél. en attente
{ADRESSE:147 rue de l'Université 75338 Paris Cedex 07}
{ADRESSE:1 rue du Dr Roux, 75015 Paris}
{ADRESSE:Le Bourg, 19300 Égletons}
{ADRESSE:B.P. 45 - 97300 Cayenne}
2 places de stationnement
3 cours de gymnastique par semaine
1 route d'administration
5 passages infirmiers par jour
voies d'abord : 2 voies périphériques
12 allées et venues
75 % des patients de Paris
10 000 Parisiens
CS : consultation, BP : 120/80
la rue de la Soif
en 1900 rue et hygiène
BP 130 mmHg
75002 cas
patient de 12 ans, rue non précisée
3 places en hôpital de jour
10 quais de déchargement
un cours de 12 heures
dans 20 domaines différents
voie orale, 75 mg
en 2019 Paris comptait deux millions d'habitants
34009 Boîtes vendues
{ADRESSE:2 rue du Faubourg-Saint-Jacques⏎⏎75014 Paris}
Mme [x]⏎{ADRESSE:14 allée des Tilleuls⏎⏎13100 AIX-EN-PROVENCE}⏎⏎Le 12 mars 2021
"""

CASES["ipp"] = """
IPP : {IPP:8001234567}
IPP {IPP:123456}
N° IPP : {IPP:0012345678}
IPP n° {IPP:700456123}
I.P.P. : {IPP:5512345}
Patient IPP={IPP:20045678}
Identifiant patient : {IPP:987654}
N° patient : {IPP:4512367}
numéro de patient {IPP:00078451}
identifiant permanent du patient : {IPP:8009998887}
ID patient : {IPP:PAT-45127}
patient n° {IPP:12045}
NIP : {IPP:1112223334}
NIP {IPP:0301234567}
(IPP {IPP:76543210})
IPP|{IPP:8001112223}|F
IPP;{IPP:8001112224};M
IPP: {IPP:A1234567}
N°IPP{IPP:8001112225}
n° d'identification du patient : {IPP:66554433}
CHU X⏎IPP : {IPP:7001234}⏎Entrée le 12/03/2021
numéro patient : {IPP:34 56 78 90}
Numéro d'identification permanent : {IPP:8001112226}
IPP : {IPP:8001-112227}
Dossier de la patiente, IPP {IPP:8001112228}, vue ce jour
IPP {IPP:8001112229}.
ipp : {IPP:654321}
Patient : [NOM], IPP : {IPP:8001112230}
IPP 20 mg matin
IPP 40 mg/j pendant 8 semaines
IPP : 40 mg
traitement par IPP depuis 2019
IPP de 25 %, incapacité permanente
les IPP 1 fois par jour
taux d'IPP 10 %
patient 12
patient n° 3
10 patients sur 1200
IPP (oméprazole 20)
patient de 65 ans, 12 000 plaquettes
N° patient : 12
le patient 2019-2020
IPP 10 à 20 mg
identifiant : 12
patients : 123456 au total
"""

CASES["nda"] = """
NDA : {NDA:210045678}
NDA {NDA:123456789}
N° de dossier : {NDA:2021-004512}
numéro de séjour : {NDA:55667788}
n° de séjour {NDA:330012345}
N° dossier : {NDA:A123456}
Numéro de dossier : {NDA:04512/21}
dossier n° {NDA:987654}
séjour n°{NDA:7788990}
IEP : {NDA:300123456}
IEP {NDA:300123457}
N° d'hospitalisation : {NDA:20211234}
numéro d'admission : {NDA:88112233}
n° de venue : {NDA:60012345}
N° de passage : {NDA:2103120045}
numéro administratif de dossier : {NDA:900123}
(NDA {NDA:123450})
NDA|{NDA:123451}
NDA;{NDA:123452};2021
NDA: {NDA:123453}
Num séjour : {NDA:45612378}
N° DE DOSSIER {NDA:12345678}
N° SEJOUR : {NDA:98765432}
Urgences⏎Dossier n° : {NDA:21U00456}⏎Arrivée 10:12
votre dossier (n° {NDA:2020123456})
No de dossier : {NDA:778899}
n° dossier médical : {NDA:112233}
NDA n° {NDA:123454}
dossier numéro {NDA:456123}
le dossier de 2019
dossier 12
le séjour de 12 jours
séjour : 3 jours
dossier de 120000 pages
3 dossiers sur 1200
séjours 2015-2020
NDA version 2
dossier complet en 48 heures
numéro de dossier à rappeler
durée de séjour : 12,5
le séjour 2021
dossier n° 3
numéro de séjour (9 chiffres)
séjours : 123456 en 2018
dossiers : 12 000
"""

CASES["date_naissance"] = """
né le {DATE_NAISSANCE:12/03/1954}
née le {DATE_NAISSANCE:3 mars 1954}
Né(e) le : {DATE_NAISSANCE:03/03/1954}
Date de naissance : {DATE_NAISSANCE:03/03/1954}
DDN : {DATE_NAISSANCE:03/03/54}
DDN {DATE_NAISSANCE:03.03.1954}
Mme X, née le {DATE_NAISSANCE:1er janvier 1960} à Brest
né à Paris le {DATE_NAISSANCE:14 juillet 1949}
Née le {DATE_NAISSANCE:3-3-1954}
D.D.N. : {DATE_NAISSANCE:12/12/1980}
Date de naiss. : {DATE_NAISSANCE:12/12/1980}
date de naissance {DATE_NAISSANCE:1980-12-12}
NÉ LE {DATE_NAISSANCE:05/06/1971}
NEE LE {DATE_NAISSANCE:05/06/1972}
Nee le {DATE_NAISSANCE:5 juin 1973}
née [NOM] le {DATE_NAISSANCE:15/08/1938}
naissance le {DATE_NAISSANCE:4 février 2019}
Patient né le {DATE_NAISSANCE:22 déc. 1965}, hospitalisé le 4 avril 2020.
né le mardi {DATE_NAISSANCE:3 mars 1954}
Date de naissance⏎{DATE_NAISSANCE:03/03/1954}
Date et lieu de naissance : {DATE_NAISSANCE:03/03/1954}, Lyon
enfant né prématurément le {DATE_NAISSANCE:2 mai 2010}
née à Lyon (69) le {DATE_NAISSANCE:12/12/1960}
Date de naissance de l'enfant : {DATE_NAISSANCE:3 août 2020}
Né(e) le {DATE_NAISSANCE:3/3/1954} Sexe : M
DATE DE NAISSANCE : {DATE_NAISSANCE:3 MARS 1954}
nés le {DATE_NAISSANCE:10 octobre 2011} (jumeaux)
née en Algérie le {DATE_NAISSANCE:1/1/1940}
date_naissance;{DATE_NAISSANCE:1954-03-03};F
DDN={DATE_NAISSANCE:03/03/1955}
né ({DATE_NAISSANCE:3/3/1954})
Naissance : {DATE_NAISSANCE:3 mars 1956}
née le {DATE_NAISSANCE:03 03 1957}
née par césarienne le {DATE_NAISSANCE:17/04/2015} à 38 SA
né en 1954
hospitalisé le 12/03/2021
vue le 3 mars 2019 pour suivi
DDR : 12/03/2021
depuis la naissance, 3 épisodes
le dépistage néonatal du 3 mars
né à 38 SA, poids de naissance 3200 g
naissance le jour 3
poids à la naissance : 3,2 kg le 12
AMM le 12/03/2001
Date de consultation : 12/03/2021
un nouveau-né vu le 12/03/2021
nés entre 1950 et 1960
année de naissance 1954
journée du 12/03/2021
l'idée née le jour même
dernier-né des vaccins, autorisé le 3 mars 2020
date de décès : 12/03/2021
Né à terme. Vu le 12/03/2021
"""

CASES["nom"] = """
Mme {NOM:Durand} se plaint de céphalées.
M. {NOM:Jean-Pierre Le Goff} a été opéré.
Vu par le Dr {NOM:J. Martin} ce matin
Pr {NOM:Lefèvre}, chef de service
Mme {NOM:Marie DURAND} née {NOM:Petit}
Monsieur {NOM:Moreau} refuse la transfusion
Madame {NOM:de La Tour} sort demain
le docteur {NOM:Bernard} confirme
le professeur {NOM:Anne Roux} a validé
Mlle {NOM:Garcia}, 19 ans
Cher Confrère, je vous adresse M. {NOM:BENALI Karim}, 54 ans.
Dr. {NOM:Nguyen}
MM. {NOM:Durand} et {NOM:Martin}
M. et Mme {NOM:Lambert}
Docteur {NOM:Sophie Girard}⏎Cardiologue
Professeur {NOM:P. d'Almeida}
Mme {NOM:O'Connor}
née {NOM:LE BIHAN} le [DATE_NAISSANCE]
Mme {NOM:Van den Berg} vit seule
M. {NOM:Ben Salah} diabétique
M {NOM:DUPONT} sous AVK
Mr {NOM:Petit} est sortant
Mr. {NOM:Petitjean} est sortant
Mme {NOM:Marie-Claude Saint-Martin}, 77 ans
Pr. {NOM:A.-M. Vidal}
DR {NOM:PAUL ROUSSEAU}
madame {NOM:Fontaine} accepte
Mmes {NOM:Leroy} et {NOM:Blanc}
Mme {NOM:D'Angelo}, allergie
avis du Pr {NOM:François du Mesnil}
M. le Professeur {NOM:Chevalier}
Monsieur le Docteur {NOM:Henry}
Mme le Dr {NOM:Faure}
Mme {NOM:Élise Çelik}
Entretien avec M. {NOM:X. Perrin}.
Bien confraternellement,⏎Dr {NOM:Hélène Marchand}
Dr {NOM:Martin}, Dr {NOM:Simon} et Pr {NOM:Morel}
Mademoiselle {NOM:Inès Haddad} est venue
Opérateur : Dr {NOM:Colin} / Aide : Dr {NOM:Picard}
Patiente : Mme {NOM:GAUTHIER} Née {NOM:ROY}
Me voici, M. {NOM:Le Gall} dort
veuve {NOM:Robin}, deux enfants
Mme {NOM:Barbier} épouse {NOM:Caron}
Nom : {NOM:DUPUIS}⏎Prénom : {NOM:Camille}
Nom de naissance : {NOM:Olivier}
Prénom : {NOM:Jean-Luc}
le Dr {NOM:Renard} l'a vue
M. {NOM:Guillaume}. Le traitement est poursuivi.
Dr {NOM:Aubert}⏎Hôpital de Valmont
Mme {NOM:Brun} (78 ans)
M. {NOM:Da Silva} : fracture
M. {NOM:de Villiers}, sans plainte
Pr {NOM:Jean Le Roux} CHU de Brest
la fille de Mme {NOM:Collet} est prévenue
Dr {NOM:El Amrani}
je remercie le Docteur {NOM:Lucas} de son avis
Merci à Mme le Docteur {NOM:A. Barre}.
Mme la ministre de la santé
M. le directeur général
M. le Directeur de l'ARS
Madame la Présidente
Madame, Monsieur,
le Dr est passé
maladie de Crohn
syndrome de Down
score de Child-Pugh
M. tuberculosis résistant
M. pneumoniae et S. aureus
l'intervalle PR est normal
HLA-DR positif
Docteur en médecine
docteur ès sciences
professeur de médecine à Lyon
une idée née en 1990
Monsieur, votre rendez-vous
signe de Babinski, test de Romberg
solution 5 M. Le pH est ajusté
Professeur des universités
Mesdames et Messieurs
patiente née à Paris
née prématurément
Doctorat, Pr. honoraire
récepteurs RE et PR négatifs
le Pr a conclu
DR5 et Fas
l'enfant né avant terme
Dr, merci de votre confiance
M. le Président du Conseil
Madame le Maire
Nom : paracétamol 500 mg
Nom commercial : Doliprane
le nom du Professeur ne figure pas
Mr est fatigué
CD8+ DR+ CD38+
M. le Ministre des Solidarités
"""

CASES["aucune"] = """
Amoxicilline 500 mg, 3 fois par jour, 7 jours
Hb 12,3 g/dL, plaquettes 234 000/mm3, CRP 12 mg/L
TA 120/80 mmHg, FC 72/min, SpO2 98 %
CIP 34009 300 123 4 5 : 30 comprimés
Code CIP : 3400930012345, code UCD 9400123
CIM-10 : I10, E11.9, Z51.5
ATC N02BE01, C09AA05
doi:10.1016/S0140-6736(20)30183-5
PMID 32031570, PMCID: PMC7159299
ISBN 978-2-294-71551-2
NCT04280705, EudraCT 2020-000936-23
le 12 mars 2021, du 01/02/2020 au 03/04/2020
SIRET 123 456 789 00012, SIREN 123456789
pages 1234-1245, vol. 382, n° 18
latitude 48.8566, longitude 2.3522
1954-1962, 2019/2020
BRCA1 c.68_69delAG, TP53 p.R175H
rs1801133, NM_000546.6:c.215C>G
10 20 30 40 50 60 70 80
Na 140, K 4,2, Cl 102, créat 78
AMM EU/1/20/1528/001
score de Glasgow 15, NIHSS 4, ASA 2
1 000 000 UI, 40 000 UI/0,4 mL
chaînes 1:2, titre 1/128, dilution 1:1000
de 0,5 à 1,5 mg/kg/j
4.2 Posologie et mode d'administration
LOT A1234 EXP 12/2023
HbA1c 7,2 % (55 mmol/mol)
arrêté du 12 mars 2012, JORF n° 0062
article L. 1111-2 du code de la santé publique
(n = 1234567), IC 95 % [1,02-1,34]
0,9 % 1000 mL sur 24 h
groupe A Rh+, RAI négatives le 03/03/2020
L'équation 12 345 678 901 n'a pas d'unité
"""


def nir_key(number):
    digits = number.upper().replace("2A", "19").replace("2B", "18")
    return 97 - int(digits) % 97


def iban_key(country, rest):
    return 98 - int("".join(str(int(c, 36)) for c in (rest + country + "00").upper())) % 97


def luhn_digit(number):
    total = sum(sum(divmod(int(digit) * (2 if position % 2 == 0 else 1), 10)) for position, digit in enumerate(reversed(number)))
    return -total % 10


def with_key(kind, text, off=0):
    """`text` with its key, or with one that is `off` from the right one."""
    if "K" not in text:
        return text
    plain = re.sub("[^0-9A-Za-z]", "", text.replace("clé", ""))
    if kind == "NIR":
        return text.replace("KK", f"{(nir_key(plain.replace('K', '')) + off - 1) % 97 + 1:02}")
    if kind == "IBAN":
        country, rest = plain[:2], plain[4:]
        return text.replace("KK", f"{(iban_key(country, rest) + off - 2) % 97 + 2:02}", 1) if text[2:4] == "KK" else text
    return text.replace("K", str((luhn_digit(plain.replace("K", "")) + off) % 10)) if kind == "CARTE_BANCAIRE" else text


def case(line):
    line = line.replace("⏎", "\n")
    line = re.sub(r"\{wrong:(\w+):(.*?)\}", lambda m: with_key(m[1], m[2], off=3), line)
    identity = r"\{([A-Z_]+):(.*?)\}"
    text = re.sub(identity, lambda m: with_key(m[1], m[2]), line, flags=re.DOTALL)
    return {"text": text.strip("\n "), "expected": re.sub(identity, r"[\1]", line, flags=re.DOTALL).strip("\n ")}


def main():
    rows = []
    for kind, lines in CASES.items():
        for number, line in enumerate(lines.strip().split("\n")):
            rows.append({**case(line), "kind": kind, "half": ("tuning", "held-out")[number % 2]})
    path = Path(__file__).with_name("privacy.jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
