"""The document templates of the sample corpus. Written for this project.

One line is one sentence. `? ` before it: sometimes left out. `/`: a new line. `[a|b]`: one of them. `{name}`: a word of the
document's context, `{name.un}` and `{name.le}` with its article. `{2..9}`: a number. `{@pool}`: a sentence of a pool.
Articles and elisions are written out in full (`de {d.un}`, `de {d.le}`, `que il`) and contracted afterwards.
"""

POOLS = {
    "diagnosis": """
{P} est atteint{e} de {d.un}.
{P} est atteint{e} de {d.un}.
{P} est atteint{e} de {d.un} [depuis {duration}|découvert{d.e} il y a {duration}|confirmé{d.e} par {t1.le}].
{P} souffre de {d.un} [depuis {duration}|compliqué{d.e} de {k1.un}|suivi{d.e} en {spec}].
{P} présente {d.un}.
Il s'agit [donc|très probablement|vraisemblablement|ainsi] de {d.un}.
[Le diagnostic retenu est celui de|Ces éléments permettent de retenir le diagnostic de|L'ensemble du tableau évoque] {d.un}.
[Nous concluons à|Nous retenons|On retient] {d.un} chez {unp} de {age} ans.
Au total, {unp} de {age} ans atteint{e} de {d.un}.
[L'association|La présence] de {s1.un} et de {s2.un} [fait évoquer|oriente vers|est compatible avec] {d.un}.
Devant {s1.un} et {s2.un}, {d.un} [a été évoqué{d.e}|est suspecté{d.e}|a été confirmé{d.e}].
""",
    "complaint": """
{P} [consulte|se présente|est adressé{e}|est vu{e}] pour {s1.un} [évoluant depuis|apparu{s1.e} il y a|présent{s1.e} depuis] {duration}.
{Il} [décrit|rapporte|signale|se plaint de] {s1.un} [associé{s1.e} à|accompagné{s1.e} de] {s2.un}.
{Il} [décrit|rapporte|signale|mentionne|évoque] {symptoms}.
Le début a été [brutal|progressif|insidieux], [marqué par|avec] {s1.un} puis {s2.un}.
[Depuis {duration}|Depuis quelques jours|Depuis la dernière consultation], {il} [présente|ressent|décrit] {s1.un} et {s3.un}.
[On note également|Il existe aussi|On relève encore] {s3.un}.
{P} ne [signale|rapporte|décrit] pas de {neg1} ni de {neg2}.
Ces symptômes [gênent les activités quotidiennes|réveillent {p} la nuit|s'aggravent progressivement|cèdent partiellement au repos|ont motivé cette consultation].
L'interrogatoire retrouve {s2.un} [au second plan|depuis {duration}|survenu{s2.e} au décours de un effort|surtout le matin|surtout en fin de journée].
""",
    "history": """
[Dans ses antécédents|Parmi ses antécédents], on [retrouve|note|relève] {o1.un} et {o2.un}.
{P} a pour [principal antécédent|seul antécédent notable] {o1.un} [traité{o1.e} par {mo1}|en rémission|stable sous traitement].
[Les facteurs de risque sont|On relève comme facteurs favorisants] : {rf1}, {rf2}.
{P} [ne prend aucun traitement au long cours|prend habituellement de {mo1.le}|est traité{e} par {mo1} pour {o1.un}].
[Il n'y a pas d'allergie médicamenteuse connue|Une intolérance à {mo2.le} est signalée|On note une allergie ancienne à {mo2.le}].
Il n'existe pas d'antécédent [chirurgical|familial] [notable|particulier].
{P}, {job}, [vit seul{e}|vit en couple|vit avec ses enfants|vit au deuxième étage sans ascenseur|est autonome pour les gestes de la vie quotidienne].
[Un tabagisme estimé à {5..45} paquets-années est noté|{P} ne fume pas|Le tabac a été arrêté il y a {duration}|La consommation d'alcool est occasionnelle].
Un parent du premier degré [est atteint|a été traité] pour {d.un}.
L'antécédent de {rf1} [mérite d'être souligné|est retrouvé à l'interrogatoire].
""",
    "exam": """
L'examen clinique [retrouve|met en évidence|montre|objective] {f1.un} [et|ainsi que] {f2.un}.
À l'examen, {p} est [apyrétique|fébrile à 38,{2..9} °C|en bon état général|fatigué{e}|conscient{e} et bien orienté{e}|pâle et algique].
La pression artérielle est à {100..178}/{58..98} mmHg, le pouls à {56..118} par minute et la saturation à {88..100} % en air ambiant.
Le poids est de {48..110} kg pour une taille de 1,{50..89} m.
[On note|On observe|Il existe] {f1.un}.
L'auscultation cardiaque est [régulière, sans souffle|rapide mais régulière|sans particularité].
L'abdomen est [souple et indolore|souple, dépressible et sans masse|légèrement ballonné].
[Les mollets sont souples|Les pouls périphériques sont tous perçus|Les aires ganglionnaires sont libres|Il n'y a pas de signe de gravité].
[Le reste de l'examen est sans particularité|L'examen des autres appareils est normal|Le reste de l'examen est strictement normal].
[On relève|L'inspection et la palpation retrouvent] {f2.un}, sans [autre signe physique|autre anomalie|retentissement général].
L'examen neurologique ne [montre|révèle] [aucun déficit|ni déficit ni trouble sensitif|pas de signe de focalisation].
""",
    "tests": """
{t1.Le} [montre|met en évidence|retrouve|objective|révèle] {r1}.
{t2.Le} [montre|met en évidence|retrouve|révèle] {r2}.
[Sur le plan paraclinique|Parmi les examens réalisés], {t1.le} [a montré|a mis en évidence|a retrouvé] {r1}.
L'hémogramme [est normal|retrouve une hémoglobine à {9..15},{0..9} g/dL, des leucocytes à {4..18} giga par litre et des plaquettes à {130..420} giga par litre].
La créatinine est à {52..160} µmol/L, le potassium à {3..5},{1..9} mmol/L et le sodium à {131..145} mmol/L.
La protéine C réactive est à {1..220} mg/L.
[Un complément|Un contrôle] par {t2} est [demandé|programmé|souhaitable] [dans {duration}|à distance|dans les meilleurs délais].
Le bilan hépatique est [normal|perturbé, avec des transaminases à deux fois la normale|en cours].
[Devant ce tableau|À l'issue de l'examen], nous avons [demandé|prescrit|réalisé] {t1.un}, qui [montre|retrouve] {r1}.
""",
    "treatment": """
Un traitement par {m1} [a été instauré|est débuté ce jour|est proposé|a été prescrit] à la dose de {dose1} {often1}.
[La prise en charge associe|Le traitement repose sur] {m1.le} et {c1.le}.
Nous avons [prescrit|introduit|débuté] {m1.le} ({dose1}), [associé{m1.e} à {m2.le}|relayé{m1.e} par {m2.le}|complété{m1.e} par {m2.le}].
[En première intention|Dans un premier temps], {m1.le} est [préféré{m1.e} à|associé{m1.e} à] {m2.le} [en raison de sa bonne tolérance|compte tenu du terrain|devant l'absence de contre-indication].
[Nous avons insisté sur|{P} a bien compris l'importance de|Il est également conseillé] {c1.le} [ainsi que|et] {c2.le}.
La surveillance portera sur [{watch1.le}|l'efficacité et la tolérance du traitement|l'apparition de {ae1}].
{m1.Le} a été [arrêté{m1.e}|interrompu{m1.e}] en raison de {ae1.un} et remplacé{m1.e} par {m2.le}.
Une adaptation de la posologie de {m1} [est nécessaire|a été faite] [en fonction de la fonction rénale|selon la tolérance|après avis spécialisé].
Le traitement habituel par {mo1} est [poursuivi sans changement|maintenu|suspendu temporairement].
""",
    "evolution": """
L'évolution [a été favorable|a été rapidement favorable|a été marquée par {k1.un}|est lentement favorable|reste incertaine] [sous {m1}|sous traitement|après {duration} de traitement].
[À la quarante-huitième heure|Au troisième jour|Après {duration}], {s1.le} {s1.a/ont} [disparu|nettement régressé|diminué].
{P} [a été surveillé{e} en unité de soins continus|a regagné son domicile|a pu être levé{e} dès le lendemain|a bénéficié de séances de rééducation].
Le risque [principal|évolutif] est [celui de|représenté par] {k1.un}.
[On craint|On surveille|Il faut redouter] {k1.un}, plus rarement {k2.un}.
[Aucune complication|Ni {k1} ni {k2}] n'a été [observée|constatée] durant le séjour.
Le contrôle par {t1} [montre une amélioration|est rassurant|ne retrouve plus d'anomalie].
[La douleur est bien contrôlée|La tolérance du traitement est bonne|L'appétit est revenu|La mobilisation est facile|Le sommeil s'améliore].
""",
    "followup": """
{P} sera revu{e} en consultation de {spec} dans {duration}.
Un contrôle [clinique et biologique|par {t1}] est [prévu|souhaité] dans {duration}.
[En cas de|Devant toute réapparition de] {s1} ou de {s2}, {p} devra [consulter sans attendre|reprendre contact avec le service|appeler le 15].
Un suivi [conjoint|régulier] avec le médecin traitant et l'équipe de {spec} [est organisé|est indispensable].
[Une prise en charge à 100 % est demandée|Un arrêt de travail de {duration} a été établi|Les ordonnances ont été remises|Les vaccinations seront mises à jour].
[Le pronostic reste réservé|Le pronostic est bon|Une guérison complète est attendue], sous réserve de [une bonne observance|un suivi régulier|{c1.le}].
La [reprise des activités|reprise du travail|conduite automobile] est [autorisée|déconseillée pour le moment|possible dans {duration}].
""",
    "entry": """
{P} est atteint{e} de {d.un}.
{P} est atteint{e} de {d.un}.
{P} est atteint{e} de {d.un}.
{P} de la chambre {2..48} est atteint{e} de {d.un}.
{P} de la chambre {2..48} est atteint{e} de {d.un} et reçoit {m1.le}.
{P} est hospitalisé{e} pour {d.un}.
{P} est atteint{e} de {d.un} avec {s1.un}.
{P} est atteint{e} de {d.un} et attend {t1.un}.
{P} est atteint{e} de {d.un}, traité{d.e} par {m1}.
{P}, {age} ans, est atteint{e} de {d.un}.
""",
    "closing": """
[Bien confraternellement.|Je vous remercie de votre confiance.|Restant à votre disposition, je vous adresse mes salutations confraternelles.|Avec mes sentiments dévoués.|Confraternellement à vous.]
""",
    "fact": """
{d.Le} est une cause [fréquente|classique|possible] de {s1} et de {s2}.
{d.Le} se [manifeste|traduit|révèle] [le plus souvent|habituellement|en général] par {symptoms}.
[Les principaux symptômes de|Les signes d'appel de] {d.le} sont : {s1}, {s2} et {s3}.
{t1.Le} est l'examen [clé|de référence|de première intention] devant une suspicion de {d}.
Le traitement de {d.le} [repose sur|comporte|fait appel à] {m1.le} et {c1.le}.
{d.Le} peut se compliquer de {k1.un}[ ou de {k2.un}|].
[Le principal facteur de risque|L'un des facteurs de risque] de {d.le} est {rf1.le}.
{m1.Le} est [un médicament de référence|couramment utilisé|prescrit] dans {d.le}.
{d.Le} relève [d'abord du médecin généraliste, puis|en premier lieu|le plus souvent] d'une consultation de {spec}.
[Chez {unp} atteint{e} de {d.un}|En cas de {d}], il faut rechercher {k1.un}.
{d.Le} correspond à {def.un}.
On appelle {d} {def.un}.
[La prévention|Le dépistage] de {d.le} passe par [la lutte contre {rf1.le}|la correction de {rf1.le}|{c1.le}].
{d.Le} touche {organ.le}.
L'examen [retrouve|montre|révèle] {f1.un} au cours de {d.le}.
""",
}

# The kinds of document. `weight` documents of each kind are drawn for one of weight 1.
KINDS = [
    (3, "lettre de consultation", """
[Cher confrère,|Chère consœur,|Cher ami,|Monsieur et cher confrère,]
/
[J'ai vu ce jour|Merci de m'avoir adressé|J'ai examiné en consultation de {spec}] {unp} de {age} ans, {job}, pour {s1.un}.
? {@history}
? {@history}
{@complaint}
? {@complaint}
/
{@exam}
? {@exam}
{@exam}
{@tests}
? {@tests}
/
{@diagnosis}
{@treatment}
? {@treatment}
{@followup}
? {@followup}
/
{@closing}
"""),
    (3, "compte rendu d'hospitalisation", """
[COMPTE RENDU D'HOSPITALISATION|Compte rendu d'hospitalisation|LETTRE DE SORTIE] - Service de {spec}
/
Séjour du {date} au {date2}.
Motif d'hospitalisation : {s1}.
/
Antécédents : {o1}, {o2}.
? {@history}
/
Histoire de la maladie. {@complaint}
{@complaint}
? {@complaint}
/
Examen à l'entrée. {@exam}
{@exam}
? {@exam}
/
Examens complémentaires. {@tests}
{@tests}
? {@tests}
/
Évolution dans le service. {@treatment}
{@evolution}
{@evolution}
? {@treatment}
/
Conclusion : {d} chez {unp} de {age} ans.
{@diagnosis}
Traitement de sortie : {m1} {dose1}, {m2} {dose2}[, {mo1}|].
{@followup}
? {@followup}
"""),
    (2, "compte rendu opératoire", """
[COMPTE RENDU OPÉRATOIRE|Compte rendu opératoire]
/
Intervention : {op}.
Indication : {d} chez {unp} de {age} ans.
? Anesthésie [générale|locorégionale|rachidienne|locale avec sédation].
/
[Installation en décubitus dorsal|Après vérification de la liste de sécurité|Sous antibioprophylaxie], [badigeonnage à la bétadine alcoolique|désinfection cutanée en quatre temps] et mise en place des champs stériles.
{steps}
/
[Les pertes sanguines sont estimées à {20..600} mL|Les pertes sanguines sont négligeables].
? La pièce opératoire est adressée en anatomopathologie.
Les suites opératoires [ont été simples|sont simples|ont été marquées par une fièvre transitoire|ont été marquées par un hématome de paroi], avec un [premier lever le lendemain|lever précoce|transit repris au deuxième jour].
? [Le compte des compresses est exact|Aucun incident n'est à signaler|La durée de l'intervention est de {25..240} minutes].
? Consignes postopératoires : {mo1}, surveillance de la [plaie|température|diurèse|douleur], ablation des [fils|agrafes] au {8..15}e jour.
"""),
    (2, "compte rendu d'imagerie", """
[COMPTE RENDU|Compte rendu d'imagerie|IMAGERIE MÉDICALE] : {i1}
/
Indication : [{s1}|suspicion de {d}|bilan de {d}|surveillance de {d.un}].
? Technique : [acquisition sans puis avec injection de produit de contraste|examen réalisé sans injection|coupes axiales et reconstructions multiplanaires|séquences pondérées en T1 et en T2|exploration par voie sus-pubienne].
/
Résultats : l'examen [montre|met en évidence|retrouve] {i2}.
? [Il n'existe pas de|Absence de] {k1}.
? [Les structures osseuses sont sans particularité|Pas d'adénopathie de taille pathologique|Pas d'épanchement associé|Les gros vaisseaux sont perméables|Les organes de voisinage sont normaux|Pas de lésion suspecte par ailleurs].
? À comparer avec l'examen du {date}, [aspect stable|discrète progression|nette amélioration].
/
Conclusion : [aspect compatible avec|aspect en faveur de|arguments pour] {d.un}.
? [Un contrôle est recommandé dans {duration}|À confronter aux données cliniques et biologiques|Un avis spécialisé est conseillé].
"""),
    (2, "ordonnance", """
[Ordonnance|ORDONNANCE] du {date}
/
[{P}, {age} ans|{unp.cap} de {age} ans, {48..105} kg].
/
{m1.cap} {dose1} : {intake1} {often1}, pendant {length1}.
/
{m2.cap} {dose2} : {intake2} {often2}, pendant {length2}.
/
? {mo1.cap} {doseo} : [si besoin, sans dépasser quatre prises par jour|en cas de douleur|poursuivre le traitement habituel].
/
[Traitement prescrit pour|Indication] : {d}.
? [Renouvelable une fois|À renouveler {2..5} fois|Non substituable, mention justifiée|Ne pas interrompre sans avis médical].
? À surveiller : {watch1}, {watch2}.
? Conseils associés : {c1}, {c2}.
"""),
    (3, "notice", """
[NOTICE : INFORMATION DU PATIENT|Notice du médicament] - {m1.cap} {dose1}, {form1}
/
Veuillez lire attentivement cette notice avant de prendre ce médicament, car elle contient des informations importantes pour vous.
/
1. Qu'est-ce que {m1.le} et dans quels cas est-{m1.il} utilisé{m1.e} ?
{m1.Le} appartient à la classe suivante : {class1}.
Ce médicament {mode1}.
[Il est indiqué dans|Il est utilisé pour traiter|Votre médecin vous l'a prescrit pour] : {indications}.
/
2. Quelles sont les informations à connaître avant de prendre ce médicament ?
Ne prenez jamais {m1.le} [si vous êtes allergique à la substance active|en cas de allergie à l'un des composants].
Ce médicament est contre-indiqué dans les cas suivants : {contraindications}.
? [Prévenez votre médecin|Informez votre pharmacien] si vous prenez aussi {mo1.le} ou {m2.le}.
? [Grossesse et allaitement : demandez conseil à votre médecin|Ne prenez pas ce médicament pendant la grossesse sans avis médical].
? [Ce médicament peut altérer la vigilance : la prudence est recommandée lors de la conduite|Évitez la consommation d'alcool pendant le traitement].
/
3. Comment prendre {m1.le} ?
La posologie habituelle est de {dose1} {often1}[, de préférence au cours d'un repas|, avec un grand verre d'eau|, à heure fixe|].
? Si vous avez pris plus de {m1} que vous n'auriez dû, [consultez immédiatement votre médecin|appelez le centre antipoison].
? Si vous oubliez une dose, [prenez-la dès que vous y pensez|ne prenez pas de dose double pour compenser].
/
4. Quels sont les effets indésirables éventuels ?
Les effets les plus fréquents sont : {adverse}.
? Plus rarement, {ae3.un} {ae3.peut/peuvent} survenir.
Si vous ressentez un effet indésirable, parlez-en à votre médecin, à votre pharmacien ou à votre infirmière.
/
5. Comment conserver ce médicament ?
[Tenir hors de la vue et de la portée des enfants|À conserver à une température ne dépassant pas 25 °C|À conserver au réfrigérateur entre 2 °C et 8 °C], [dans l'emballage d'origine|à l'abri de la lumière|à l'abri de l'humidité].
"""),
    (2, "monographie de médicament", """
{m1.cap}
/
Classe pharmacologique : {class1}.
{m1.Le} {mode1}.
? [Sa demi-vie est de {2..36} heures|Son élimination est principalement rénale|Son métabolisme est hépatique].
Indications : {indications}.
Posologie : {dose1} en {form1}, [à adapter à la fonction rénale|à adapter au poids|à réduire chez le sujet âgé|à augmenter progressivement].
Contre-indications : {contraindications}.
Effets indésirables : {adverse}.
Surveillance : {watch1}[, {watch2}|].
? L'association avec {mo1.le} [est déconseillée|doit être prudente|majore le risque de {ae1}|impose une surveillance rapprochée].
? [Chez la femme enceinte|Chez le sujet âgé|Chez l'insuffisant rénal|Chez l'enfant], [la prudence s'impose|son utilisation doit être discutée|la dose est réduite de moitié].
? {@fact}
"""),
    (3, "définition de maladie", """
{d.cap}
/
{d.Le} correspond à {def.un}.
{@fact}
{@fact}
? {@fact}
/
[Les symptômes les plus évocateurs sont|Le tableau clinique associe] : {s1}, {s2}, {s3}.
À l'examen, on [recherche|peut retrouver] {f1.un}.
{t1.Le} [montre typiquement|retrouve classiquement] {r1}.
? {@fact}
/
[Les facteurs favorisants sont|Certaines situations exposent davantage :] {rf1}, {rf2}.
[Les complications à redouter sont|Sans traitement, l'évolution peut se faire vers] {k1.un} et {k2.un}.
/
[Le traitement fait appel à|La prise en charge repose sur] {m1.le}, [parfois associé{m1.e} à|souvent complété{m1.e} par] {m2.le}.
[Les mesures associées comportent|On y associe] : {c1}, {c2}.
? {@fact}
"""),
    (3, "fiche de faits", """
{@fact}
{@fact}
{@diagnosis}
{@fact}
? {@fact}
? {@fact}
? {@diagnosis}
"""),
    (3, "vignette clinique", """
{unp.cap} de {age} ans, {job}, consulte pour {s1.un}.
{@complaint}
? {@history}
{@exam}
{@tests}
{@diagnosis}
? {@treatment}
? {@evolution}
"""),
    (3, "réunion du matin", """
[Réunion du matin|Liste des entrées de la nuit|Tour des chambres|Relève de l'équipe]
/
{entries}
"""),
    (1, "note courte", """
{@diagnosis}
{@treatment}
? {@evolution}
"""),
    (1, "note courte", """
{@diagnosis}
? {@complaint}
? {@fact}
"""),
    (2, "biologie commentée", """
[Commentaire de biologie médicale|COMPTE RENDU DE BIOLOGIE|Interprétation du bilan biologique]
/
Renseignements cliniques : [{d}|{s1} et {s2}|suivi de {d.un}|bilan avant {c1}].
/
Leucocytes : {3..22},{0..9} giga par litre. Hémoglobine : {7..16},{0..9} g/dL. Plaquettes : {60..480} giga par litre.
? Sodium : {128..146} mmol/L. Potassium : {2..6},{0..9} mmol/L. Chlore : {94..110} mmol/L. Bicarbonates : {16..30} mmol/L.
? Créatinine : {45..320} µmol/L. Urée : {3..22},{0..9} mmol/L.
? Glycémie : {0..2},{60..99} g/L. Hémoglobine glyquée : {5..11},{0..9} %.
? ASAT : {15..180} UI/L. ALAT : {12..220} UI/L. Gamma-GT : {15..400} UI/L. Bilirubine totale : {5..90} µmol/L.
? Calcium : 2,{10..70} mmol/L. Ferritine : {4..650} µg/L. Protéine C réactive : {1..260} mg/L.
/
Commentaire : {l1.le} [montre|retrouve] {l2}, [ce qui est en faveur de|aspect compatible avec|résultat évocateur de] {d.un}.
? [À contrôler sur un nouveau prélèvement|Résultat communiqué par téléphone au prescripteur|À interpréter en fonction du contexte clinique|Prélèvement hémolysé : la kaliémie est donnée sous réserve].
? Sous {m1}, une surveillance de {watch1.le} est [recommandée|nécessaire].
"""),
    (2, "transmissions infirmières", """
[Transmissions infirmières|TRANSMISSIONS CIBLÉES|Note infirmière] - {spec}
/
Cible : {s1}.
Données : {p} [se plaint de|signale|présente] {s1.un}[, douleur cotée à {2..9} sur 10|, constantes stables|, agitation durant la nuit|].
Actions : [administration de {m1} {dose1} selon la prescription|{m1} {dose1} donné à {6..22} heures|médecin de garde prévenu], [surveillance rapprochée|aide à la toilette|installation confortable au fauteuil|pansement refait|prévention d'escarres|pose d'une voie veineuse périphérique|bilan sanguin prélevé].
Résultats : [amélioration|soulagement partiel|{s1} moins intense|pas de changement] à la {2..4}e heure, [diurèse conservée|alimentation bien prise|transit repris|température à 37,{0..9} °C|saturation à {91..99} %].
? [{P} s'est levé{e} avec aide|{P} a bien dormi|La famille a été reçue|Une barrière de sécurité a été posée à la demande du médecin|Les bas de contention sont en place].
? Poursuite de la surveillance : {watch1}, {watch2}.
? Éducation : {c1}, {c2}.
"""),
    (2, "urgences", """
[Observation des urgences|SERVICE DES URGENCES|Compte rendu de passage aux urgences] - {date}
/
[Amené{e} par les pompiers|Venu{e} par ses propres moyens|Adressé{e} par le médecin traitant|Arrivé{e} en ambulance], {unp} de {age} ans pour {s1.un} depuis {2..20} heures.
Tri : niveau {1..5}.
? {@history}
{@complaint}
/
Constantes : pression artérielle à {80..190}/{45..110} mmHg, pouls à {50..140}, température à {35..39},{0..9} °C, saturation à {84..100} %, score de Glasgow à {14..15}.
{@exam}
? {@exam}
? Électrocardiogramme : [rythme sinusal régulier sans trouble de la repolarisation|tachycardie sinusale|fibrillation atriale rapide|bloc de branche droit incomplet].
{@tests}
/
Hypothèses : {d}, {o1}.
{@diagnosis}
Traitement reçu : {m1} {dose1}, [oxygène au masque|remplissage par sérum physiologique|antalgiques|surveillance scopée].
[Transfert en {spec}|Hospitalisation en {spec}|Retour à domicile avec ordonnance et consignes|Surveillance en unité d'hospitalisation de courte durée].
"""),
    (2, "questions et réponses", """
[Questions fréquentes|Vos questions, nos réponses|Mieux comprendre] : {d}
/
[Qu'est-ce que {d.le} ?|De quoi s'agit-il ?] {d.Le} correspond à {def.un}.
/
Quels sont les symptômes ? [Les plus fréquents sont|On observe surtout] : {s1}, {s2} et {s3}.
/
[Quand faut-il consulter ?|Dois-je aller aux urgences ?] [Consultez rapidement|Appelez le 15] en cas de {s1} qui {s1.persiste/persistent} ou si vous craignez {k1.un}.
/
[Quels examens vais-je passer ?|Comment confirme-t-on le diagnostic ?] {t1.Le} est [généralement demandé{t1.e}|souvent utile] ; {t1.il} peut montrer {r1}.
/
Comment se soigne-t-on ? Le médecin peut prescrire {m1.le}, qui {mode1}.
? Et les effets indésirables ? On rapporte parfois {ae1.un} ou {ae2.un} ; n'arrêtez pas votre traitement sans en parler !
/
[Que puis-je faire moi-même ?|Et au quotidien ?] [Pensez à|Misez sur] : {c1} ; {c2}.
? Est-ce que je risque une rechute ? [Oui, surtout en cas de {rf1}|Cela dépend de {rf1.le} et de {rf2.le}].
"""),
    (2, "résumé d'article", """
[Introduction|Contexte|Objectif] : [{d.le} est une cause majeure de morbidité|la prise en charge de {d.le} reste débattue|la place de {m1.le} dans {d.le} est mal connue|les facteurs associés à {k1.le} sont peu étudiés].
[Patients et méthodes|Méthodes|Matériel et méthodes] : [étude rétrospective monocentrique|étude prospective multicentrique|essai randomisé en double aveugle|étude cas-témoins|cohorte observationnelle] [menée entre {2005..2013} et {2014..2022}|conduite sur {12..60} mois] ayant inclus {40..980} patients atteints de {d}.
? Le critère de jugement principal était [la survenue de {k1.un}|la disparition de {s1.le}|la mortalité à un an|la durée d'hospitalisation|la qualité de vie].
Résultats : l'âge moyen était de {28..74} ans avec une [nette prédominance masculine|prédominance féminine|répartition égale entre les sexes].
{s1.Le} {s1.était/étaient} présent{s1.e} dans {38..95} % des cas, suivi{s1.e} de {s2.le}.
? {t1.Le} [avait montré|retrouvait] {r1} chez {21..88} % des patients.
[Le traitement par {m1} a permis une amélioration dans {45..93} % des cas|{m1.Le} était supérieur{m1.e} à {m2.le} sur le critère principal|Aucune différence significative n'a été observée entre {m1.le} et {m2.le}].
? [En analyse multivariée|Après ajustement], {rf1.le} {rf1.était/étaient} associé{rf1.e} à {k1.un} (rapport de cotes {1..4},{1..9} ; intervalle de confiance à 95 %).
Conclusion : [un diagnostic précoce améliore le pronostic|la prévention passe par {c1.le}|ces résultats doivent être confirmés par une étude de plus grande ampleur|une prise en charge multidisciplinaire est indispensable].
? Mots-clés : {d} ; {s1} ; {m1} ; {spec}.
"""),
    (2, "observation", """
Observation : nous rapportons le cas de {unp} de {age} ans, {job}, [sans antécédent notable|aux antécédents de {o1}], hospitalisé{e} pour {s1.un}.
{@complaint}
{@exam}
{@exam}
{@tests}
{@tests}
{@diagnosis}
{@treatment}
{@evolution}
/
Discussion. {@fact}
{@fact}
? L'originalité de notre observation tient à [l'âge de survenue|la présentation trompeuse|l'association avec {o1.un}|l'évolution rapide vers {k1.un}].
Conclusion : il faut savoir évoquer {d.un} devant {s2.un} [associé{s2.e} à|précédé{s2.e} de] {s3.un}.
"""),
    (1, "anatomopathologie", """
[COMPTE RENDU D'ANATOMIE PATHOLOGIQUE|Examen anatomopathologique]
/
Renseignements : {d}.
Organe : {organ}.
/
Macroscopie : [pièce de {2..24} cm|fragment biopsique de {3..22} mm|{2..9} fragments] de couleur [beige|grisâtre|brunâtre|jaunâtre], [fixé dans le formol|reçu à l'état frais|orienté par un fil].
Microscopie : [prolifération cellulaire d'architecture glandulaire|infiltrat inflammatoire riche en lymphocytes et en plasmocytes|remaniements fibreux et foyers de nécrose|muqueuse ulcérée recouverte d'un enduit fibrinoleucocytaire|tissu régulier, sans atypie cellulaire|granulomes épithélioïdes et gigantocellulaires].
? [Les limites d'exérèse sont saines|Les limites d'exérèse passent en zone lésionnelle|Absence d'embole vasculaire|L'index mitotique est de {1..14} par champ].
? Immunohistochimie : [marquage positif pour les cytokératines|expression du Ki-67 estimée à {2..70} %|absence d'expression du CD20|marquage diffus par l'anticorps anti-CD3].
Conclusion : [aspect compatible avec|lésions en rapport avec|signes histologiques en faveur de] {d.un}.
"""),
    (1, "réunion de concertation", """
Réunion de concertation pluridisciplinaire de {spec} du {date}
/
Dossier : {unp} de {age} ans, indice de performance à {0..3}.
{@diagnosis}
? {@history}
{@tests}
/
Question posée : [indication de {c1} ?|place de {m1.le} ?|conduite à tenir devant {k1.un} ?]
Décision : [{c1} d'emblée, suivi de {m1}|traitement par {m1} et {m2}|surveillance simple avec contrôle par {t1} dans {duration}|prise en charge palliative avec {c2}].
? [Le dossier sera représenté avec les résultats|{P} sera informé{e} en consultation d'annonce|Une inclusion dans un essai est proposée].
"""),
    (1, "anesthésie", """
Consultation d'anesthésie du {date} avant {op}
/
{unp.cap} de {age} ans, {48..105} kg, 1,{50..88} m, score ASA {1..3}.
Antécédents : {o1} traité{o1.e} par {mo1}.
Allergies : [aucune connue|latex|pénicilline|produits iodés|fruits exotiques].
? Ouverture de bouche [supérieure à 35 mm|limitée], score de Mallampati {1..4}, [pas de critère d'intubation difficile|ventilation au masque jugée facile|prothèse dentaire mobile].
Traitement : [{mo1} à poursuivre jusqu'au matin|{mo1} à interrompre {2..7} jours avant l'intervention].
? Jeûne de six heures pour les solides et de deux heures pour les liquides clairs.
Technique proposée : anesthésie [générale|rachidienne|locorégionale échoguidée|péridurale], [analgésie multimodale|prévention des nausées|antibioprophylaxie par céfazoline|réchauffement actif].
? [Les risques ont été expliqués et le consentement recueilli|Un bilan d'hémostase est demandé|Prémédication non nécessaire].
"""),
    (1, "rééducation", """
[Bilan de kinésithérapie|Bilan de rééducation|Synthèse de rééducation]
/
{unp.cap} de {age} ans adressé{e} dans les suites de {d.un}.
Plaintes : {s1}, {s2}.
Bilan articulaire : [flexion limitée à {60..120} degrés|amplitudes complètes|raideur en fin de course], [force musculaire cotée à {2..5} sur 5|amyotrophie du quadriceps|appui monopodal instable].
? Test de marche de six minutes : {120..540} mètres[, sans désaturation|, avec deux pauses|].
Objectifs : [récupérer la marche sans aide|diminuer la douleur|renforcer les muscles stabilisateurs|prévenir les chutes|améliorer la tolérance à l'effort].
Techniques : [massages décontracturants|mobilisations passives|exercices actifs aidés|travail proprioceptif sur plateau|étirements des chaînes postérieures|électrostimulation|réentraînement sur bicyclette], {c1}.
{P} [est motivé{e} et réalise ses exercices chaque jour|reste fatigable|progresse régulièrement], [{8..30} séances sont prévues|le traitement se poursuit].
"""),
    (1, "psychologie et social", """
[Entretien psychologique|Évaluation sociale|Entretien infirmier d'annonce]
/
{P}, {age} ans, {job}, est suivi{e} pour {d.un} depuis {duration}.
{Il} [dit sa lassitude devant|exprime ses craintes face à|parle avec pudeur de] [la maladie|l'annonce du diagnostic|la perte de son autonomie|la fatigue|le regard des autres].
[L'humeur est triste mais réactive|Le contact est bon, le discours fluide|L'anxiété domine l'entretien|Le sommeil est fragmenté], [sans idée suicidaire|avec des ruminations nocturnes|malgré le soutien de l'entourage].
? [Une aide à domicile est demandée|Un dossier d'allocation personnalisée d'autonomie est constitué|Un portage de repas est mis en place|Une mise en invalidité est discutée|Le conjoint est épuisé et un répit est proposé].
? {P} souhaite [rencontrer une association de patients|reprendre son travail à temps partiel|rédiger ses directives anticipées|désigner une personne de confiance].
Un nouvel entretien est prévu dans {duration}[, en lien avec l'équipe de {spec}|].
"""),
    (1, "certificat", """
Certificat médical
/
Je soussigné, docteur en médecine, certifie avoir examiné le {date} {unp} de {age} ans.
[{Il} présente|L'état de santé de {p} est marqué par] {d.un} [nécessitant {c1.un}|responsable de {s1.un}|justifiant un repos de {duration}].
? [Cet état contre-indique la pratique du sport pendant {duration}|Sa présence en collectivité est possible|Son état est compatible avec un voyage en avion|Une adaptation du poste de travail est souhaitable].
Certificat établi à la demande de l'intéressé{e} et remis en main propre pour faire valoir ce que de droit.
"""),
    (1, "pharmacovigilance", """
Déclaration d'effet indésirable
/
{unp.cap} de {age} ans traité{e} par {m1} {dose1} pour {d.un} depuis {duration}.
Survenue de {ae1.un} [au {2..20}e jour du traitement|quelques heures après la prise|après augmentation de la dose], [sans signe de gravité|ayant conduit à une hospitalisation|avec retentissement sur la vie quotidienne].
Autres médicaments : {m2}, {mo1}.
Le médicament a été [arrêté|poursuivi à dose réduite|remplacé par {m2}], avec une évolution [favorable|non encore connue|marquée par la persistance de {ae1.le}].
Imputabilité : [vraisemblable|possible|douteuse|très vraisemblable].
? {m1.Le} {mode1} ; parmi ses effets connus figurent : {ae1}, {ae2}.
"""),
    (2, "glossaire", """
{glossary}
"""),
    (2, "enseignement", """
[Question à choix multiples|Cas clinique et question|Exercice d'examen]
/
{unp.cap} de {age} ans consulte pour {s1.un}, {s2.un} et {s3.un}.
L'examen retrouve {f1.un}.
Quel est le diagnostic le plus probable ?
/
A. {o1.cap} / B. {d.cap} / C. {o2.cap}
/
Réponse : B.
[En effet|Explication :] {t1.le} montrerait {r1}, et le traitement reposerait sur {m1.le}.
? {@fact}
? Quelle complication faut-il craindre ? {k1.cap}.
"""),
    (1, "prévention", """
[Prévenir|Comment éviter|Se protéger contre] {d.le}
/
{d.Le} n'est pas une fatalité : [plusieurs gestes simples réduisent le risque|on peut agir sur de nombreux facteurs].
[Facteurs sur lesquels agir|Premiers facteurs en cause] : {rf1}, {rf2}.
[Les médecins recommandent|Nous vous conseillons] {c1.le} et {c2.le}.
? Soyez attentif à {s1.un} : [parlez-en à votre médecin|ce peut être un premier signe].
{@fact}
? {@fact}
"""),
    (4, "conseils de santé publique", """
{topic}
"""),
    (1, "suivi téléphonique", """
[Téléconsultation|Appel de suivi|Compte rendu de téléconsultation] du {date}
/
{P}, {age} ans, est suivi{e} pour {d.un}.
[{Il} se dit soulagé{e} par {m1.le}|{Il} rapporte encore {s1.un}|{Il} n'a plus de {s1}|{Il} décrit {ae1.un} depuis le début du traitement].
[Les chiffres relevés à domicile sont corrects|La plaie est propre sur la photographie transmise|L'observance est bonne|Le traitement a été oublié plusieurs fois].
? Conseils donnés : {c1}, {c2}.
{m1.cap} {dose1} est [poursuivi{m1.e}|diminué{m1.e} de moitié|arrêté{m1.e}].
[Prochain appel dans {duration}|Consultation en présence prévue dans {duration}|Orientation vers les urgences].
"""),
    (1, "gériatrie", """
[Évaluation gériatrique standardisée|Bilan gériatrique]
/
{unp.cap} de {70..97} ans, [vivant à domicile avec des aides|résidant en établissement|veuf ou veuve depuis {2..15} ans et vivant seul{e}].
Autonomie : score ADL à {1..6} sur 6, score IADL à {0..8} sur 8.
Cognition : MMSE à {9..30} sur 30[, test de l'horloge échoué|, test des cinq mots réussi|].
Nutrition : poids de {42..82} kg, albumine à {24..42} g/L, [appétit conservé|perte de poids récente|texture mixée].
Marche : [vitesse de marche à 0,{3..9} m/s|lever de chaise impossible sans aide|trois chutes dans l'année|déambulateur].
Principale affection : {d}, traitée par {m1}.
? Autres affections : {o1}, {o2}.
Propositions : [réévaluation de l'ordonnance|arrêt de {mo1}|passage d'une infirmière à domicile|supplémentation en vitamine D|accueil de jour|kinésithérapie à domicile|plan d'aide], {c1}.
"""),
    (1, "santé de l'enfant", """
Examen du [quatrième|neuvième|douzième|vingt-quatrième] mois
/
[Nourrisson|Enfant] né{e} à {35..41} semaines, poids de naissance de {2..4},{1..9} kg, [allaitement maternel|lait infantile deuxième âge|alimentation diversifiée].
Développement : [tient sa tête|se retourne|tient assis sans appui|se déplace à quatre pattes|marche seul|dit ses premiers mots|empile trois cubes], [sourire-réponse acquis|babillage riche|bonne poursuite oculaire|pointage présent].
Croissance régulière : poids de {5..13},{0..9} kg, taille de {58..92} cm, périmètre crânien de {38..50} cm.
Examen : [fontanelle souple|hanches stables|fémorales perçues|tympans normaux|réflexe photomoteur présent|souffle systolique fonctionnel].
Vaccins du jour : [hexavalent et pneumocoque|rougeole, oreillons et rubéole|méningocoques|coqueluche et poliomyélite].
? [Depuis {2..6} jours, l'enfant présente|La mère signale] {s1.un} et {s2.un}.
? Conseils : [coucher sur le dos sans oreiller|pas d'écran avant trois ans|introduction précoce des allergènes|prévention des accidents domestiques|brossage dès la première dent|vitamine D quotidienne].
"""),
    (1, "obstétrique", """
Consultation de suivi de grossesse, {22..40} semaines d'aménorrhée
/
Patiente de {20..43} ans, [première|deuxième|troisième|quatrième] geste, groupe sanguin [A|B|O|AB] rhésus [positif|négatif].
Pression artérielle à {95..150}/{55..98} mmHg, prise de poids de {2..18} kg, hauteur utérine de {18..35} cm.
Mouvements actifs [bien perçus|perçus moins souvent], bruits du cœur réguliers à {125..158} par minute, [col long et fermé|col raccourci|présentation céphalique|présentation du siège].
? Dépistage du diabète gestationnel [négatif|positif : régime et autosurveillance glycémique].
? Échographie : [biométrie au {10..90}e percentile|liquide amniotique en quantité normale|placenta fundique non bas inséré|Doppler ombilical normal].
? Antécédent de {o1} sans conséquence sur la grossesse actuelle.
Conduite à tenir : [consultation d'anesthésie au huitième mois|préparation à la naissance avec la sage-femme|prélèvement vaginal à la recherche de streptocoque|surveillance par une sage-femme à domicile|supplémentation en fer|repos].
"""),
]

# Public health: what every leaflet says. A document takes some of a topic's sentences, in their order.
TOPICS = {
    "l'hygiène des mains": """
Se laver les mains est le geste le plus simple pour éviter la transmission des microbes.
Mouillez vos mains sous l'eau courante, puis savonnez-les pendant au moins trente secondes.
N'oubliez pas les pouces, les ongles, les poignets et les espaces entre les doigts.
Rincez abondamment et séchez avec une serviette propre ou à usage unique.
À défaut d'eau et de savon, utilisez une solution hydroalcoolique.
Lavez-vous les mains avant de préparer le repas, [après être allé aux toilettes|après avoir changé une couche|après vous être mouché].
À l'hôpital, les soignants désinfectent leurs mains avant et après chaque contact avec un malade.
Les bijoux et les faux ongles gênent une bonne désinfection.
Toussez ou éternuez dans votre coude plutôt que dans vos mains.
Les mouchoirs en papier doivent être jetés dans une poubelle fermée.
[Les enfants apprennent vite|Montrez l'exemple aux enfants] : une comptine aide à respecter la durée du lavage.
""",
    "la vaccination": """
La vaccination protège la personne vaccinée et son entourage.
Un vaccin entraîne le système immunitaire à reconnaître un germe sans provoquer la maladie.
Onze vaccins sont obligatoires chez le nourrisson en France.
Un rappel contre le tétanos, la diphtérie et la poliomyélite est recommandé à 25, 45 et 65 ans.
La vaccination contre la grippe est conseillée chaque automne aux personnes âgées et aux malades chroniques.
Les effets secondaires sont le plus souvent bénins : douleur au point d'injection, rougeur ou fièvre légère.
Signalez au médecin toute allergie grave survenue après une injection précédente.
Les vaccins vivants sont déconseillés aux femmes enceintes et aux personnes immunodéprimées.
La vaccination contre les papillomavirus est proposée aux filles et aux garçons dès onze ans.
Conservez votre carnet de vaccination et présentez-le à chaque consultation.
Avant un voyage en zone tropicale, renseignez-vous sur la fièvre jaune et l'hépatite A.
Un retard de vaccination se rattrape sans tout recommencer.
""",
    "l'alimentation équilibrée": """
Mangez au moins cinq portions de fruits et de légumes par jour, frais, surgelés ou en conserve.
Les féculents complets, comme le pain intégral et les pâtes complètes, apportent des fibres.
Les légumes secs, lentilles, pois chiches ou haricots blancs, sont riches en protéines végétales.
Deux produits laitiers par jour suffisent à l'adulte pour couvrir les besoins en calcium.
Préférez la volaille et le poisson à la charcuterie et à la viande rouge.
L'huile d'olive et l'huile de colza apportent de bonnes graisses.
Limitez les boissons sucrées, les pâtisseries et les plats ultratransformés.
Le sel se cache dans le pain, le fromage, les soupes industrielles et les biscuits apéritifs.
L'eau est la seule boisson indispensable : un litre et demi par jour, davantage en cas de chaleur.
Prenez le temps de mâcher et évitez de manger devant un écran.
Une poignée de noix ou d'amandes remplace avantageusement un goûter sucré.
[Cuisiner soi-même|Lire les étiquettes] permet de mieux maîtriser les quantités de sucre et de graisse.
""",
    "l'activité physique": """
Trente minutes de marche rapide par jour améliorent la santé du cœur.
Prenez les escaliers plutôt que l'ascenseur et descendez de l'autobus un arrêt plus tôt.
Le jardinage, la danse et le vélo comptent aussi comme une activité physique.
Deux séances de renforcement musculaire par semaine entretiennent les muscles et les os.
Rester assis trop longtemps nuit à la circulation : levez-vous toutes les deux heures.
Échauffez-vous avant l'effort et étirez-vous après.
Buvez avant, pendant et après l'exercice.
Interrompez l'effort en cas de douleur dans la poitrine, de palpitations ou de malaise.
Le médecin peut prescrire une activité physique adaptée en cas de maladie chronique.
La natation soulage les articulations en déchargeant le poids du corps.
Les exercices d'équilibre, comme le tai-chi, réduisent le risque de chute chez la personne âgée.
""",
    "l'arrêt du tabac": """
Arrêter de fumer est bénéfique à tout âge et quelle que soit l'ancienneté du tabagisme.
Vingt minutes après la dernière cigarette, la pression artérielle redevient normale.
Après un an, le risque d'infarctus diminue de moitié.
Les substituts nicotiniques existent sous forme de timbres, de gommes et de pastilles.
L'envie de fumer ne dure que quelques minutes : buvez un verre d'eau, marchez, respirez profondément.
Une prise de poids modérée est possible, mais elle peut être limitée par l'exercice.
Prévenez vos proches de votre décision et choisissez une date d'arrêt.
La fumée nuit aussi à l'entourage, surtout aux enfants et aux femmes enceintes.
Une rechute n'est pas un échec : la plupart des anciens fumeurs ont fait plusieurs tentatives.
Un tabacologue, une sage-femme ou un infirmier peut vous accompagner.
La cigarette électronique n'est pas un médicament, mais certains fumeurs s'en servent pour arrêter.
""",
    "l'alcool": """
La consommation d'alcool augmente le risque de cancer dès le premier verre.
Ne dépassez pas deux verres par jour, et pas tous les jours.
Aucune quantité d'alcool n'est sans danger pendant la grossesse.
L'alcool diminue les réflexes, le champ visuel et l'attention au volant.
Il ne faut jamais associer l'alcool à des somnifères ou à des tranquillisants.
L'arrêt brutal chez une personne dépendante peut provoquer un délire ou des convulsions.
Le foie, le pancréas, le cœur et les nerfs souffrent d'une consommation excessive.
Des consultations d'addictologie accueillent les patients et leur famille de façon confidentielle.
Alternez les boissons alcoolisées avec de l'eau et mangez avant de boire.
Les groupes de parole aident à maintenir l'abstinence.
""",
    "la prévention des chutes": """
Un tiers des personnes de plus de soixante-cinq ans chutent chaque année.
Retirez les tapis qui glissent et les fils électriques qui traînent.
Installez une barre d'appui près de la baignoire et des toilettes.
Portez des chaussures fermées, à semelles antidérapantes.
Faites contrôler votre vue et votre audition une fois par an.
Une veilleuse dans le couloir évite bien des accidents nocturnes.
Levez-vous lentement, surtout si vous prenez un médicament contre l'hypertension ou pour dormir.
La vitamine D et le calcium consolident le squelette.
Après une chute, la peur de tomber conduit souvent à moins bouger : parlez-en à un kinésithérapeute.
La téléalarme permet d'appeler de l'aide même sans pouvoir se relever.
Gardez à portée de main les objets d'usage courant pour ne pas monter sur un escabeau.
""",
    "le sommeil": """
Un adulte a besoin de sept à neuf heures de sommeil.
Couchez-vous et levez-vous à heures régulières, même le dimanche.
Évitez le café, le thé et les sodas caféinés après seize heures.
La lumière bleue des téléphones retarde l'endormissement.
Maintenez la chambre fraîche, calme et obscure.
Une sieste de vingt minutes repose sans troubler la nuit.
Les somnifères ne doivent être pris que pour une courte durée.
Ronfler bruyamment et s'endormir dans la journée peut révéler des apnées.
Si vous ne dormez pas, levez-vous et lisez jusqu'à ce que le sommeil revienne.
La relaxation et la respiration lente favorisent l'endormissement.
Un agenda du sommeil aide le médecin à comprendre votre insomnie.
""",
    "la canicule": """
En période de forte chaleur, buvez régulièrement sans attendre d'avoir soif.
Fermez les volets et les fenêtres le jour, aérez la nuit.
Mouillez votre corps plusieurs fois par jour et éventez-vous.
Évitez les efforts physiques aux heures les plus chaudes.
Prenez des nouvelles de vos voisins âgés, isolés ou handicapés.
Les crampes, les maux de tête et les vertiges annoncent un coup de chaleur.
Une température supérieure à 39 °C avec des propos confus impose d'appeler les secours.
Certains médicaments, comme les diurétiques, aggravent la déshydratation.
Ne laissez jamais un enfant ou un animal dans une voiture fermée.
Passez deux ou trois heures par jour dans un endroit frais, bibliothèque ou cinéma.
""",
    "le soleil": """
Les coups de soleil de l'enfance augmentent le risque de cancer de la peau à l'âge adulte.
Évitez l'exposition entre midi et seize heures.
Portez un chapeau à large bord, un tee-shirt et des lunettes filtrantes.
Appliquez une crème solaire d'indice élevé toutes les deux heures et après chaque baignade.
Les bébés ne doivent pas être exposés directement au soleil.
Les cabines de bronzage accélèrent le vieillissement cutané.
Surveillez vos grains de beauté : asymétrie, bords irréguliers, couleur variable, diamètre, évolution.
Un nuage ou un parasol n'arrête pas tous les rayons ultraviolets.
Quelques antibiotiques et anti-inflammatoires rendent la peau plus sensible.
Consultez un dermatologue si une tache change d'aspect ou saigne.
""",
    "le bon usage des médicaments": """
Prenez vos médicaments à la dose et pendant la durée prescrites.
Ne partagez jamais une ordonnance avec un proche, même s'il a les mêmes symptômes.
Les antibiotiques sont inutiles contre les virus.
Un pilulier hebdomadaire aide à ne rien oublier.
Vérifiez la date de péremption et rapportez les boîtes inutilisées à la pharmacie.
Deux spécialités différentes peuvent contenir la même substance : attention au surdosage.
Le pamplemousse modifie l'effet de plusieurs traitements.
Ne coupez pas et n'écrasez pas un comprimé sans demander conseil.
Les plantes, elles aussi, peuvent interagir avec un anticoagulant ou une contraception.
Rangez la pharmacie familiale en hauteur, dans une armoire fermée à clé.
Signalez vos allergies et vos traitements à chaque professionnel de santé.
Un générique contient le même principe actif que le médicament d'origine.
""",
    "les gestes qui sauvent": """
Devant une personne inconsciente qui ne respire pas, appelez le 15 et commencez le massage cardiaque.
Appuyez fortement au milieu de la poitrine, cent fois par minute, les bras tendus.
Le défibrillateur automatique guide le sauveteur par des messages vocaux.
En cas de saignement abondant, comprimez la plaie avec un linge propre.
Une brûlure se refroidit sous l'eau tempérée pendant quinze minutes.
En cas d'étouffement, donnez cinq claques dans le dos, puis comprimez l'abdomen.
Allongez sur le côté une personne inconsciente qui respire.
Ne donnez ni à boire ni à manger à un blessé.
Devant une paralysie du visage, une faiblesse d'un bras ou un trouble de la parole, appelez immédiatement.
Chaque minute compte : une alerte rapide sauve des vies.
Ne retirez jamais un objet planté dans une plaie ou dans l'œil.
""",
    "l'hospitalisation": """
Le jour de votre entrée, présentez-vous au bureau des admissions avec votre carte Vitale et une pièce d'identité.
Apportez vos ordonnances, vos radiographies et les résultats de vos dernières analyses.
Désignez une personne de confiance qui pourra vous accompagner dans vos décisions.
Prenez une douche la veille et le matin de l'intervention avec le savon indiqué.
Retirez bijoux, vernis, lentilles et prothèses dentaires avant le bloc opératoire.
Un bracelet d'identification vous sera posé au poignet.
Les visites sont autorisées l'après-midi, dans la limite de deux personnes par chambre.
Évaluez votre douleur sur une échelle de zéro à dix afin que l'équipe puisse la soulager.
Après une chirurgie ambulatoire, ne conduisez pas et ne restez pas seul la première nuit.
Un questionnaire de satisfaction vous sera remis avant votre départ.
Vous pouvez demander à consulter votre dossier médical.
Le consentement éclairé suppose une information loyale, claire et appropriée.
""",
    "l'allaitement": """
Le lait maternel contient tous les nutriments nécessaires au nourrisson pendant six mois.
La première tétée a lieu si possible dans l'heure qui suit la naissance.
Le bébé tète à la demande, huit à douze fois par jour.
Une bonne position évite les crevasses du mamelon.
Le colostrum, épais et jaune, est riche en anticorps.
L'engorgement se soulage par des tétées fréquentes et un massage doux.
Demandez conseil avant de prendre un médicament, même vendu sans ordonnance.
Le lait tiré se conserve quarante-huit heures au réfrigérateur.
La prise de poids régulière et des couches bien mouillées montrent que l'enfant boit assez.
Le sevrage se fait progressivement, une tétée après l'autre.
L'alcool et la nicotine passent dans le lait.
""",
    "le sommeil du nourrisson": """
Couchez toujours le bébé sur le dos, sur un matelas ferme, sans oreiller ni couette.
La température de la chambre doit rester entre 18 et 20 °C.
Partagez la chambre, mais non le lit, pendant les six premiers mois.
Une turbulette adaptée à la taille remplace la couverture.
N'utilisez ni tour de lit ni peluche volumineuse.
Ne fumez pas dans le logement ni dans la voiture.
Les pleurs du soir sont fréquents entre trois et douze semaines.
Ne secouez jamais un bébé : posez-le dans son lit et demandez de l'aide si vous êtes à bout.
Aérez la chambre dix minutes par jour.
Le portage dans un siège auto n'est pas un couchage.
""",
    "la santé bucco-dentaire": """
Brossez-vous les dents deux fois par jour pendant deux minutes avec un dentifrice fluoré.
Changez de brosse tous les trois mois.
Le fil dentaire et les brossettes nettoient les espaces entre les dents.
Consultez un chirurgien-dentiste une fois par an, même sans douleur.
Les sucreries grignotées entre les repas favorisent les caries.
Une gencive qui saigne traduit souvent une gingivite.
Le détartrage élimine la plaque durcie.
Une infection dentaire peut se propager au sinus ou aux valves du cœur.
Les prothèses amovibles se nettoient chaque jour avec une brosse souple.
En cas de dent cassée, conservez le fragment dans du lait.
Le bruxisme use l'émail et fatigue les mâchoires.
""",
    "le dépistage des cancers": """
Le dépistage permet de découvrir une tumeur avant l'apparition des symptômes.
Une mammographie est proposée tous les deux ans aux femmes de 50 à 74 ans.
Le test immunologique recherche du sang invisible dans les selles.
Le frottis du col de l'utérus est remplacé par un test viral après trente ans.
Un résultat positif ne signifie pas qu'il y a un cancer : une coloscopie précisera.
Parlez à votre médecin de vos antécédents familiaux.
Le test se réalise chez soi et s'envoie par la poste.
Une anomalie entre deux dépistages doit conduire à consulter.
Deux radiologues relisent chaque cliché normal.
Détecté tôt, un cancer colorectal guérit neuf fois sur dix.
L'invitation arrive par courrier et l'examen est gratuit.
""",
    "la santé sexuelle": """
Le préservatif protège des infections sexuellement transmissibles et des grossesses non désirées.
Un dépistage est possible sans ordonnance dans les laboratoires et les centres gratuits.
La chlamydiose passe souvent inaperçue mais peut rendre stérile.
La contraception d'urgence est d'autant plus efficace qu'elle est prise tôt.
La pilule, le stérilet, l'implant et l'anneau sont des méthodes réversibles.
Le consentement de chaque partenaire est indispensable.
La syphilis se soigne par une injection de pénicilline.
Un traitement préventif du VIH existe pour les personnes exposées.
Des brûlures, un écoulement ou une plaie des organes génitaux doivent faire consulter.
L'interruption volontaire de grossesse est un droit ; les délais et les méthodes sont expliqués en consultation.
""",
    "le diabète au quotidien": """
Mesurez votre glycémie capillaire aux heures indiquées et notez les résultats dans votre carnet.
Inspectez vos pieds chaque soir, sans oublier la plante et les espaces entre les orteils.
En cas de malaise avec sueurs et tremblements, prenez trois morceaux de sucre.
Gardez toujours sur vous du jus de fruit ou des bonbons.
Faites examiner le fond de vos yeux une fois par an.
Changez chaque jour le site d'injection de l'insuline.
L'insuline entamée se conserve un mois à température ambiante.
L'exercice abaisse le taux de sucre pendant plusieurs heures.
L'hémoglobine glyquée reflète l'équilibre des trois derniers mois.
Un repas sauté peut provoquer une hypoglycémie.
Choisissez des aliments à index glycémique bas, comme les légumineuses.
Le podologue traite les cors, les durillons et les ongles incarnés.
""",
    "la douleur": """
La douleur est une sensation désagréable, sensorielle et émotionnelle.
Décrivez-la : lancinante, pulsatile, sourde, fulgurante, à type de torsion ou de décharge.
La douleur aiguë alerte d'un danger, la douleur chronique dure plus de trois mois.
Un antalgique agit mieux lorsqu'il est pris avant que la douleur ne soit installée.
Le chaud détend les muscles, le froid apaise une articulation enflammée.
L'hypnose, la méditation et l'acupuncture complètent parfois les médicaments.
La morphine bien utilisée ne raccourcit pas la vie et ne rend pas toxicomane.
Chez le jeune enfant, le visage, les pleurs et les mouvements traduisent la souffrance.
Les centres spécialisés réunissent des algologues, des psychologues et des infirmières.
Une bonne posture devant l'ordinateur évite les contractures cervicales.
L'échelle visuelle analogique mesure l'intensité ressentie.
""",
    "les épidémies de l'hiver": """
Les virus de l'hiver se transmettent par les gouttelettes et par les mains.
Portez un masque si vous êtes enrhumé et que vous rendez visite à une personne fragile.
Aérez le logement dix minutes matin et soir, même quand il fait froid.
Nettoyez les poignées de porte, les téléphones et les jouets.
Un rhume guérit seul en une semaine.
Le nez du nourrisson se lave avec du sérum physiologique avant chaque repas.
La fièvre n'est pas dangereuse en elle-même : découvrez l'enfant et faites-le boire.
Gardez à la maison un enfant qui vomit ou qui a la diarrhée.
Une gêne pour respirer, des lèvres bleues ou un refus de boire imposent une consultation urgente.
Les antibiotiques ne raccourcissent ni la bronchite ni le rhume.
Le virus de la gastro-entérite résiste plusieurs jours sur les surfaces.
""",
    "l'asthme et les allergies": """
Les acariens vivent dans les matelas, les tapis et les peluches.
Lavez les draps à 60 °C et aérez la literie chaque jour.
Le calendrier pollinique annonce les périodes à risque pour le bouleau, le cyprès et les graminées.
Rincez vos cheveux le soir après une promenade à la campagne.
Gardez toujours à portée de main votre inhalateur de secours.
Agitez le flacon, expirez, inspirez lentement en déclenchant la bouffée, puis retenez votre souffle.
Une chambre d'inhalation facilite la prise chez l'enfant.
Les poils de chat et les moisissures déclenchent des crises.
Une piqûre de guêpe peut entraîner un choc anaphylactique : ayez votre stylo d'adrénaline.
L'arachide, l'œuf, le lait et les crustacés sont les allergènes alimentaires les plus fréquents.
L'éviction totale n'est utile qu'après un bilan allergologique.
""",
    "la préparation d'un examen": """
Avant une prise de sang, restez à jeun pendant huit heures si le laboratoire vous le demande.
La coloscopie nécessite un régime sans résidus et une purge la veille.
Pour un scanner avec injection, signalez une insuffisance rénale ou une allergie à l'iode.
L'imagerie par résonance magnétique est contre-indiquée en présence de certains stimulateurs cardiaques.
Retirez tout objet métallique : montre, ceinture, piercing, clés.
L'échographie pelvienne se pratique la vessie pleine.
Recueillez les urines du matin dans un flacon stérile après une toilette soigneuse.
L'électrocardiogramme est indolore et dure quelques minutes.
Une fibroscopie se fait sous anesthésie locale ou sous sédation légère.
Après une ponction lombaire, restez allongé deux heures et buvez beaucoup.
Les résultats vous seront expliqués lors d'un rendez-vous.
Prévenez toujours le manipulateur si vous pensez être enceinte.
""",
    "la fin de vie et les soins palliatifs": """
Les soins palliatifs soulagent la douleur, l'angoisse et les symptômes pénibles.
Ils peuvent commencer tôt, en même temps que les traitements spécifiques.
Les directives anticipées expriment par écrit vos volontés.
Une équipe mobile se déplace à l'hôpital et à domicile.
La sédation profonde et continue est encadrée par la loi.
Les bénévoles d'accompagnement offrent une présence et une écoute.
L'obstination déraisonnable doit être évitée.
Les proches peuvent bénéficier d'un congé et d'un soutien psychologique.
Les soins de bouche, le confort et la dignité sont au premier plan.
Le deuil est un cheminement qui demande du temps.
""",
    "le stress et la santé mentale": """
Le stress prolongé perturbe le sommeil, l'appétit et la concentration.
Parler de ses émotions à un ami ou à un professionnel soulage.
La cohérence cardiaque consiste à respirer six fois par minute pendant cinq minutes.
L'épuisement professionnel associe fatigue, cynisme et perte d'efficacité.
Des idées suicidaires doivent toujours être prises au sérieux : appelez le 3114.
Une crise d'angoisse est impressionnante mais sans danger vital.
Le psychologue, le psychiatre et le médecin généraliste travaillent ensemble.
Les troubles alimentaires touchent surtout les adolescentes.
L'exercice régulier agit comme un antidépresseur naturel.
Le cannabis favorise l'apparition de troubles psychotiques chez les jeunes.
Déconnectez-vous des réseaux sociaux avant de dormir.
L'isolement aggrave la tristesse : gardez des activités plaisantes.
""",
    "les soins de plaies": """
Lavez la plaie à l'eau et au savon, puis séchez en tamponnant.
Un antiseptique incolore ne masque pas l'aspect des berges.
Le pansement gras favorise la cicatrisation en milieu humide.
Changez la compresse dès qu'elle est souillée.
Une rougeur qui s'étend, un écoulement purulent ou de la fièvre signalent une infection.
Les points de suture s'enlèvent entre cinq et quinze jours selon la localisation.
Vérifiez que votre vaccin contre le tétanos est à jour.
Une morsure d'animal doit être montrée à un médecin.
L'escarre se prévient par des changements de position toutes les trois heures.
Protégez la cicatrice du soleil pendant un an.
L'ulcère de jambe nécessite une compression élastique.
Un hydrocolloïde ou un alginate est choisi selon l'exsudat.
""",
    "le don du sang": """
Un don de sang peut sauver plusieurs malades.
Il faut avoir entre 18 et 70 ans et peser plus de cinquante kilos.
Un entretien confidentiel précède chaque prélèvement.
Le don dure une dizaine de minutes, suivi d'une collation.
Les globules rouges se conservent quarante-deux jours, les plaquettes seulement sept.
Le plasma sert à fabriquer des immunoglobulines et de l'albumine.
Un tatouage récent ou un voyage tropical impose un délai.
Les groupes O négatif sont précieux, car ils conviennent à tous les receveurs.
Buvez et mangez avant de venir ; ne venez jamais à jeun.
Les femmes peuvent donner quatre fois par an, les hommes six fois.
""",
    "la grossesse": """
Le premier rendez-vous de suivi a lieu avant la fin du troisième mois.
Une supplémentation en acide folique est conseillée dès le projet de grossesse.
Trois échographies sont proposées, une par trimestre.
Lavez soigneusement les crudités et évitez la viande crue à cause de la toxoplasmose.
Le lait cru et certains fromages exposent à la listériose.
Les nausées du premier trimestre cèdent en fractionnant les repas.
Contractions régulières, perte de liquide ou saignement imposent d'aller à la maternité.
La sage-femme assure la préparation à la naissance et les visites à domicile.
Le diabète gestationnel se traite d'abord par l'alimentation.
La ceinture de sécurité se place sous le ventre.
L'anti-inflammatoire est interdit à partir du sixième mois.
La fatigue et les jambes lourdes sont habituelles en fin de grossesse.
""",
}
