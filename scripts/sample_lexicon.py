"""The medical lexicon of the sample corpus: what goes with what, so that a model has something to learn.

Written for this project. Nouns carry their gender through their first word, see the tables at the end.
"""

# A block is one disease:
#   name | specialty | organ
#   ? symptoms            ! findings of the examination     = test: what it shows
#   + drugs               * other care                      < risk factors
#   > complications       ~ definition
DISEASES = """
pneumopathie | pneumologie | poumon
? fièvre; toux productive; douleur basithoracique; dyspnée; frissons
! râles crépitants de la base droite; matité à la percussion; polypnée à 28 cycles par minute
= radiographie thoracique: un foyer alvéolaire systématisé du lobe inférieur droit; bilan biologique: un syndrome inflammatoire avec une protéine C réactive à 180 mg/L; hémoculture: un pneumocoque sensible à la pénicilline
+ amoxicilline; ceftriaxone; clarithromycine
* kinésithérapie respiratoire; oxygénothérapie
< tabagisme; âge avancé; troubles de la déglutition
> pleurésie purulente; abcès pulmonaire; détresse respiratoire
~ infection aiguë du parenchyme pulmonaire, le plus souvent d'origine bactérienne

bronchite aiguë | médecine générale | bronche
? toux sèche puis grasse; fièvre modérée; sensation de brûlure rétrosternale; asthénie
! râles bronchiques diffus; gorge érythémateuse
= radiographie thoracique: l'absence de foyer parenchymateux
+ paracétamol
* repos; hydratation abondante; arrêt du tabac
< tabagisme; exposition aux virus respiratoires; vie en collectivité
> surinfection bactérienne; toux persistante
~ inflammation de la muqueuse des bronches, presque toujours virale et spontanément résolutive

bronchopneumopathie chronique obstructive | pneumologie | bronche
? dyspnée d'effort; toux matinale; expectorations chroniques; sifflements expiratoires
! distension thoracique; diminution du murmure vésiculaire; tirage sus-claviculaire
= spirométrie: un trouble ventilatoire obstructif non réversible; mesure des gaz du sang: une hypoxémie avec hypercapnie modérée; scanner thoracique: un emphysème centrolobulaire des sommets
+ tiotropium; salmétérol; prednisolone
* sevrage tabagique; réhabilitation respiratoire; vaccination antigrippale
< tabagisme; exposition professionnelle aux poussières; infections respiratoires répétées
> exacerbation aiguë; insuffisance respiratoire chronique; cœur pulmonaire chronique
~ maladie respiratoire lente caractérisée par une obstruction permanente des voies aériennes

asthme | pneumologie | bronche
? dyspnée sifflante; oppression thoracique; toux nocturne; réveils nocturnes
! sibilants diffus; tachypnée; mise en jeu des muscles accessoires
= spirométrie: un trouble ventilatoire obstructif réversible après bronchodilatateur; débit expiratoire de pointe: une variabilité supérieure à 20 %; test cutané: une sensibilisation aux acariens
+ salbutamol; budésonide; montélukast
* éviction des allergènes; éducation thérapeutique; plan d'action écrit
< terrain atopique; allergie aux acariens; tabagisme passif
> asthme aigu grave; pneumothorax
~ maladie inflammatoire chronique des bronches responsable d'une obstruction variable et réversible

embolie pulmonaire | pneumologie | artère pulmonaire
? dyspnée brutale; douleur thoracique; hémoptysie; malaise; palpitations
! tachycardie à 115 battements par minute; turgescence jugulaire; mollet douloureux et tendu
= angioscanner thoracique: un défect endoluminal de l'artère pulmonaire lobaire; dosage des D-dimères: un taux nettement élevé; écho-Doppler veineux: une thrombose poplitée
+ énoxaparine; rivaroxaban; apixaban
* bas de contention; lever précoce
< immobilisation prolongée; chirurgie récente; cancer évolutif; contraception œstroprogestative
> choc cardiogénique; hypertension pulmonaire chronique; récidive thromboembolique
~ obstruction brutale d'une branche de l'artère pulmonaire par un caillot venu le plus souvent des veines des jambes

pneumothorax spontané | pneumologie | plèvre
? douleur thoracique en coup de poignard; dyspnée; toux sèche
! abolition du murmure vésiculaire; tympanisme; diminution des vibrations vocales
= radiographie thoracique: un décollement pleural complet du côté gauche
+ paracétamol; tramadol
* exsufflation à l'aiguille; drainage thoracique; repos
< tabagisme; morphotype longiligne; emphysème
> pneumothorax compressif; récidive
~ irruption d'air dans la cavité pleurale entraînant l'affaissement du poumon

tuberculose pulmonaire | infectiologie | poumon
? toux prolongée; sueurs nocturnes; amaigrissement; fébricule vespérale; hémoptysie
! râles crépitants des sommets; pâleur; adénopathies cervicales
= radiographie thoracique: des infiltrats excavés du lobe supérieur; examen direct des crachats: des bacilles acido-alcoolo-résistants; intradermoréaction: une induration de 18 mm
+ isoniazide; rifampicine; pyrazinamide; éthambutol
* isolement respiratoire; dépistage de l'entourage
< séjour en pays d'endémie; immunodépression; précarité
> miliaire tuberculeuse; séquelles fibreuses; hémoptysie massive
~ infection contagieuse due au bacille de Koch, transmise par voie aérienne

cancer bronchique | oncologie | poumon
? toux persistante; hémoptysie; amaigrissement; dyspnée; altération de l'état général
! hippocratisme digital; adénopathie sus-claviculaire; diminution du murmure vésiculaire
= scanner thoracique: une masse hilaire spiculée de 42 mm; fibroscopie bronchique: un bourgeon tumoral obstruant la bronche lobaire; tomographie par émission de positons: un hypermétabolisme ganglionnaire médiastinal
+ cisplatine; pembrolizumab; morphine
* lobectomie; radiothérapie; soins de support
< tabagisme; exposition à l'amiante; exposition au radon
> métastases cérébrales; compression médiastinale; épanchement pleural
~ tumeur maligne développée aux dépens de l'arbre bronchique, étroitement liée au tabac

insuffisance cardiaque | cardiologie | cœur
? dyspnée d'effort; orthopnée; œdèmes des membres inférieurs; prise de poids; asthénie
! râles crépitants des deux bases; reflux hépatojugulaire; bruit de galop
= échocardiographie: une fraction d'éjection à 35 %; dosage du peptide natriurétique: un taux élevé; radiographie thoracique: une cardiomégalie avec redistribution vasculaire
+ furosémide; ramipril; bisoprolol; spironolactone
* régime pauvre en sel; surveillance du poids; réadaptation cardiaque
< hypertension artérielle; cardiopathie ischémique; diabète
> œdème aigu pulmonaire; trouble du rythme ventriculaire; insuffisance rénale fonctionnelle
~ incapacité du cœur à assurer un débit sanguin suffisant aux besoins de l'organisme

hypertension artérielle | cardiologie | artère
? céphalées matinales; acouphènes; vertiges; phosphènes
! pression artérielle à 172/98 mmHg; éclat du deuxième bruit au foyer aortique
= mesure ambulatoire de la pression artérielle: une moyenne diurne à 152/94 mmHg; ionogramme sanguin: une kaliémie normale; fond d'œil: une rétinopathie hypertensive débutante
+ amlodipine; périndopril; hydrochlorothiazide; candésartan
* réduction du sel; activité physique régulière; perte de poids
< surpoids; alimentation salée; hérédité familiale; consommation d'alcool
> accident vasculaire cérébral; néphropathie hypertensive; insuffisance cardiaque
~ élévation permanente de la pression dans les artères au-dessus de 140/90 mmHg

fibrillation atriale | cardiologie | oreillette
? palpitations; dyspnée; fatigabilité; malaise
! pouls irrégulier; rythme cardiaque irrégulier à 130 battements par minute
= électrocardiogramme: une absence d'onde P avec des complexes QRS irréguliers; échocardiographie: une oreillette gauche dilatée; enregistrement Holter: des salves de fibrillation paroxystique
+ apixaban; bisoprolol; amiodarone; digoxine
* cardioversion électrique; ablation par radiofréquence
< hypertension artérielle; hyperthyroïdie; valvulopathie mitrale; apnées du sommeil
> accident vasculaire cérébral; insuffisance cardiaque; embolie périphérique
~ trouble du rythme caractérisé par une activité électrique anarchique des oreillettes

infarctus du myocarde | cardiologie | cœur
? douleur thoracique constrictive; irradiation douloureuse au bras gauche; sueurs; nausées; angoisse
! pâleur; bruit de galop; hypotension à 90/60 mmHg
= électrocardiogramme: un sus-décalage du segment ST en territoire antérieur; dosage de la troponine: un taux à quarante fois la normale; coronarographie: une occlusion de l'artère interventriculaire antérieure
+ acide acétylsalicylique; clopidogrel; atorvastatine; bisoprolol
* angioplastie avec pose de stent; réadaptation cardiaque; sevrage tabagique
< tabagisme; hypercholestérolémie; diabète; stress chronique
> choc cardiogénique; rupture septale; trouble du rythme ventriculaire
~ nécrose d'une partie du muscle cardiaque due à l'occlusion d'une artère coronaire

angine de poitrine | cardiologie | artère coronaire
? douleur rétrosternale à l'effort; oppression thoracique; dyspnée d'effort
! souffle carotidien; auscultation cardiaque normale
= épreuve d'effort: un sous-décalage du segment ST au troisième palier; coronarographie: une sténose serrée de la coronaire droite; scintigraphie myocardique: une ischémie inférieure réversible
+ trinitrine; aténolol; acide acétylsalicylique; rosuvastatine
* angioplastie coronaire; marche quotidienne; régime méditerranéen
< tabagisme; hypercholestérolémie; sédentarité
> infarctus du myocarde; mort subite
~ douleur thoracique liée à un apport insuffisant d'oxygène au muscle cardiaque

péricardite aiguë | cardiologie | péricarde
? douleur thoracique augmentée à l'inspiration; fièvre; dyspnée
! frottement péricardique; tachycardie
= électrocardiogramme: un sus-décalage diffus concave vers le haut; échocardiographie: un épanchement péricardique minime
+ acide acétylsalicylique; colchicine
* repos; surveillance échographique
< infection virale récente; maladie auto-immune; chirurgie cardiaque
> tamponnade; péricardite récidivante
~ inflammation des feuillets du péricarde, le plus souvent virale et bénigne

endocardite infectieuse | cardiologie | valve cardiaque
? fièvre prolongée; frissons; amaigrissement; arthralgies
! souffle de régurgitation mitrale; splénomégalie; purpura des extrémités
= hémoculture: un streptocoque oral; échocardiographie transœsophagienne: une végétation mobile de 12 mm sur la valve mitrale
+ amoxicilline; gentamicine
* remplacement valvulaire; soins dentaires
< prothèse valvulaire; mauvais état dentaire; toxicomanie intraveineuse
> embolie septique; insuffisance cardiaque; abcès de l'anneau
~ infection de l'endocarde, surtout valvulaire, par une bactérie circulant dans le sang

sténose aortique | cardiologie | valve aortique
? dyspnée d'effort; syncope d'effort; angor d'effort
! souffle systolique éjectionnel râpeux; abolition du deuxième bruit
= échocardiographie: une surface valvulaire de 0,7 cm²; scanner cardiaque: des calcifications valvulaires importantes
+ furosémide; atorvastatine
* remplacement valvulaire percutané; surveillance cardiologique
< âge avancé; bicuspidie aortique; insuffisance rénale chronique
> mort subite; insuffisance cardiaque; trouble de la conduction
~ rétrécissement de l'orifice de la valve aortique, le plus souvent dégénératif

artériopathie des membres inférieurs | chirurgie vasculaire | artère fémorale
? claudication intermittente; douleur de décubitus; froideur du pied
! abolition des pouls distaux; trouble trophique de l'orteil; souffle fémoral
= écho-Doppler artériel: une sténose fémorale superficielle étendue; mesure de l'index de pression systolique: un index à 0,6; angioscanner des membres inférieurs: une occlusion iliaque externe
+ clopidogrel; atorvastatine; ramipril
* marche supervisée; pontage fémoropoplité; angioplastie
< tabagisme; diabète; hypercholestérolémie
> ischémie aiguë; gangrène; amputation
~ rétrécissement des artères des jambes par des plaques d'athérome

thrombose veineuse profonde | médecine vasculaire | veine
? douleur du mollet; gonflement de la jambe; sensation de chaleur locale
! perte du ballottement du mollet; œdème unilatéral; signe de Homans
= écho-Doppler veineux: un thrombus occlusif de la veine fémorale; dosage des D-dimères: un taux augmenté
+ énoxaparine; rivaroxaban; warfarine
* bas de contention; lever précoce
< immobilisation plâtrée; long voyage; contraception œstroprogestative; thrombophilie
> embolie pulmonaire; syndrome post-thrombotique
~ formation d'un caillot dans une veine profonde, le plus souvent au membre inférieur

insuffisance veineuse | médecine vasculaire | veine
? jambes lourdes; crampes nocturnes; œdème vespéral
! varices du réseau saphène; dermite ocre; télangiectasies
= écho-Doppler veineux: un reflux de la grande veine saphène
+ diosmine
* bas de contention; surélévation des jambes; sclérothérapie
< grossesses multiples; station debout prolongée; hérédité familiale
> ulcère de jambe; thrombose superficielle
~ mauvais retour du sang veineux des jambes vers le cœur

accident vasculaire cérébral | neurologie | cerveau
? hémiparésie droite; trouble du langage; paralysie faciale; trouble de la vision; céphalées brutales
! hémiplégie proportionnelle; aphasie de Broca; signe de Babinski; négligence visuelle
= imagerie par résonance magnétique cérébrale: un hypersignal de diffusion dans le territoire sylvien gauche; angioscanner des troncs supra-aortiques: une sténose carotidienne serrée; électrocardiogramme: une fibrillation atriale
+ altéplase; acide acétylsalicylique; atorvastatine
* thrombectomie mécanique; rééducation orthophonique; rééducation motrice
< hypertension artérielle; fibrillation atriale; tabagisme; diabète
> épilepsie séquellaire; pneumopathie d'inhalation; dépression
~ déficit neurologique brutal dû à l'interruption de la circulation sanguine dans une partie du cerveau

sclérose en plaques | neurologie | moelle épinière
? paresthésies des membres; baisse d'acuité visuelle; troubles de l'équilibre; fatigue chronique; urgenturie
! syndrome pyramidal; nystagmus; signe de Lhermitte
= imagerie par résonance magnétique cérébrale: des hypersignaux périventriculaires disséminés; ponction lombaire: des bandes oligoclonales; enregistrement des potentiels évoqués visuels: un allongement des latences
+ méthylprednisolone; interféron bêta; baclofène
* rééducation motrice; autosondages; soutien psychologique
< prédisposition génétique; carence en vitamine D; tabagisme
> spasticité; troubles urinaires; handicap locomoteur
~ maladie auto-immune du système nerveux central qui détruit la gaine de myéline

épilepsie | neurologie | cerveau
? convulsions généralisées; perte de connaissance; absences; morsure de langue
! confusion postcritique; examen neurologique normal
= électroencéphalogramme: des pointes-ondes généralisées; imagerie par résonance magnétique cérébrale: une sclérose hippocampique
+ lévétiracétam; valproate de sodium; lamotrigine; carbamazépine
* sommeil régulier; contre-indication à la conduite; éducation thérapeutique
< traumatisme crânien; privation de sommeil; antécédent familial
> état de mal épileptique; traumatisme lors d'une crise
~ affection neurologique définie par la répétition de crises dues à une décharge excessive de neurones

migraine | neurologie | crâne
? céphalée pulsatile unilatérale; nausées; photophobie; phonophobie; aura visuelle
! examen neurologique normal; sensibilité du cuir chevelu
= scanner cérébral: l'absence de lésion intracrânienne
+ sumatriptan; ibuprofène; propranolol
* tenue d'un agenda des crises; repos dans l'obscurité; relaxation
< antécédent familial; stress chronique; variations hormonales
> migraine chronique; abus médicamenteux
~ céphalée récidivante évoluant par crises, souvent pulsatile et aggravée par l'effort

maladie de Parkinson | neurologie | cerveau
? tremblement de repos; lenteur des mouvements; raideur; micrographie; troubles du sommeil
! rigidité plastique; akinésie; roue dentée au poignet; marche à petits pas
= scintigraphie cérébrale: une dénervation dopaminergique asymétrique; imagerie par résonance magnétique cérébrale: l'absence de lésion vasculaire
+ lévodopa; pramipexole; rasagiline
* kinésithérapie; orthophonie; activité physique régulière
< âge avancé; exposition aux pesticides; antécédent familial
> chutes; dyskinésies; troubles cognitifs
~ maladie neurodégénérative liée à la perte des neurones dopaminergiques de la substance noire

maladie d'Alzheimer | gériatrie | cerveau
? troubles de la mémoire; désorientation; apathie; manque du mot
! score au MMSE à 19 sur 30; apraxie gestuelle; anosognosie
= imagerie par résonance magnétique cérébrale: une atrophie hippocampique bilatérale; bilan neuropsychologique: un trouble de la mémoire épisodique
+ donépézil; mémantine
* accueil de jour; stimulation cognitive; aide aux aidants
< âge avancé; antécédent familial; faible niveau d'activité intellectuelle
> dénutrition; chutes; troubles du comportement
~ maladie neurodégénérative qui entraîne une perte progressive de la mémoire et de l'autonomie

méningite bactérienne | infectiologie | méninges
? fièvre; céphalées intenses; vomissements en jet; photophobie; confusion
! raideur de la nuque; signe de Kernig; purpura des extrémités
= ponction lombaire: un liquide trouble à polynucléaires; hémoculture: un méningocoque du groupe B; scanner cérébral: l'absence d'engagement
+ céfotaxime; dexaméthasone
* isolement; prophylaxie de l'entourage; vaccination
< vie en collectivité; asplénie; brèche ostéoméningée
> purpura fulminans; surdité; épilepsie séquellaire
~ infection des enveloppes du cerveau constituant une urgence vitale

neuropathie périphérique | neurologie | nerf
? paresthésies des pieds; douleurs à type de brûlure; engourdissement; troubles de l'équilibre
! hypoesthésie en chaussettes; abolition des réflexes achilléens
= électromyogramme: une diminution des vitesses de conduction; dosage de la vitamine B12: un taux abaissé
+ prégabaline; duloxétine; amitriptyline
* soins de pédicurie; équilibre glycémique; neurostimulation transcutanée
< diabète; consommation d'alcool; chimiothérapie
> ulcération plantaire; chutes
~ atteinte des nerfs périphériques responsable de troubles sensitifs et moteurs

névralgie du trijumeau | neurologie | nerf trijumeau
? douleur faciale fulgurante; décharges électriques de la joue; crispation du visage
! zone gâchette de la lèvre; examen neurologique normal
= imagerie par résonance magnétique cérébrale: un conflit vasculonerveux
+ carbamazépine; gabapentine
* thermocoagulation; décompression microvasculaire
< âge avancé; sclérose en plaques
> dénutrition; syndrome dépressif
~ douleur faciale paroxystique dans le territoire du cinquième nerf crânien

diabète de type 1 | endocrinologie | pancréas
? polyurie; polydipsie; amaigrissement; asthénie
! haleine cétonique; déshydratation; plis cutanés persistants
= glycémie à jeun: une valeur à 3,2 g/L; dosage de l'hémoglobine glyquée: un taux à 11 %; bandelette urinaire: une glycosurie avec cétonurie; recherche d'auto-anticorps: des anticorps anti-GAD positifs
+ insuline glargine; insuline lispro
* autosurveillance glycémique; éducation thérapeutique; insulinothérapie fonctionnelle
< prédisposition génétique; autre maladie auto-immune
> acidocétose; hypoglycémie sévère; rétinopathie diabétique
~ carence absolue en insuline par destruction auto-immune des cellules bêta du pancréas

diabète de type 2 | endocrinologie | pancréas
? polyurie; soif intense; fatigue; vision trouble; infections cutanées récidivantes
! obésité abdominale; acanthosis nigricans; diminution de la sensibilité plantaire
= glycémie à jeun: une valeur à 1,62 g/L; dosage de l'hémoglobine glyquée: un taux à 8,4 %; recherche de microalbuminurie: une excrétion augmentée; fond d'œil: des microanévrysmes rétiniens
+ metformine; gliclazide; empagliflozine; liraglutide
* régime hypocalorique; activité physique régulière; perte de poids
< surpoids; sédentarité; hérédité familiale; diabète gestationnel
> néphropathie diabétique; rétinopathie diabétique; mal perforant plantaire; infarctus du myocarde
~ hyperglycémie chronique liée à une résistance à l'insuline et à un défaut progressif de sa sécrétion

hypothyroïdie | endocrinologie | thyroïde
? fatigue; frilosité; prise de poids; constipation; crampes musculaires
! bradycardie; peau sèche et pâle; infiltration du visage
= dosage de la TSH: un taux à 28 mUI/L; recherche d'auto-anticorps: des anticorps antithyroperoxydase positifs; échographie thyroïdienne: une glande hétérogène hypoéchogène
+ lévothyroxine
* surveillance biologique; prise à jeun
< thyroïdite auto-immune; antécédent de thyroïdectomie; carence iodée
> coma myxœdémateux; hypercholestérolémie; dépression
~ production insuffisante d'hormones par la glande thyroïde

hyperthyroïdie | endocrinologie | thyroïde
? palpitations; amaigrissement; thermophobie; nervosité; diarrhée motrice
! tachycardie; goitre vasculaire; exophtalmie; tremblement fin des mains
= dosage de la TSH: un taux effondré; scintigraphie thyroïdienne: une hyperfixation diffuse; recherche d'auto-anticorps: des anticorps antirécepteurs positifs
+ carbimazole; propranolol
* traitement par iode radioactif; thyroïdectomie; arrêt de travail
< tabagisme; surcharge iodée; antécédent familial
> fibrillation atriale; ostéoporose; crise thyrotoxique
~ excès d'hormones thyroïdiennes circulantes accélérant le métabolisme

obésité | nutrition | tissu adipeux
? dyspnée d'effort; douleurs des genoux; ronflements; fatigue
! indice de masse corporelle à 36 kg/m²; vergetures; tour de taille à 118 cm
= bilan lipidique: une hypertriglycéridémie; glycémie à jeun: une intolérance au glucose; polygraphie ventilatoire: des apnées du sommeil
+ liraglutide; orlistat
* rééquilibrage alimentaire; activité physique adaptée; chirurgie bariatrique
< sédentarité; alimentation trop riche; hérédité familiale; troubles du comportement alimentaire
> diabète de type 2; hypertension artérielle; stéatose hépatique
~ excès de masse grasse ayant des conséquences néfastes pour la santé

hypercholestérolémie | endocrinologie | artère
? douleur des mollets à la marche; oppression thoracique à l'effort; fatigue
! xanthélasma; arc cornéen; xanthomes tendineux
= bilan lipidique: un LDL-cholestérol à 2,1 g/L; écho-Doppler des troncs supra-aortiques: une plaque d'athérome carotidienne
+ rosuvastatine; atorvastatine; ézétimibe
* régime méditerranéen; activité physique régulière; arrêt du tabac
< hérédité familiale; alimentation riche en graisses saturées; hypothyroïdie
> infarctus du myocarde; accident vasculaire cérébral
~ excès de cholestérol dans le sang favorisant l'athérosclérose

goutte | rhumatologie | articulation
? douleur brutale du gros orteil; gonflement articulaire; rougeur cutanée
! tophus du pavillon de l'oreille; articulation chaude et tuméfiée
= dosage de l'acide urique: une uricémie à 580 µmol/L; ponction articulaire: des cristaux d'urate de sodium; échographie articulaire: un double contour
+ colchicine; allopurinol; fébuxostat
* régime pauvre en purines; réduction de l'alcool; hydratation abondante
< surpoids; consommation de bière; traitement diurétique; insuffisance rénale chronique
> lithiase urique; arthropathie goutteuse
~ arthrite inflammatoire provoquée par le dépôt de cristaux d'urate dans les articulations

polyarthrite rhumatoïde | rhumatologie | articulation
? douleurs articulaires inflammatoires; raideur matinale prolongée; gonflement des doigts; fatigue
! synovites des poignets; déformation en coup de vent cubital; nodules rhumatoïdes
= radiographie des mains: des érosions des têtes métacarpiennes; dosage des anticorps anti-peptides citrullinés: un taux fortement positif; échographie articulaire: un épaississement synovial
+ méthotrexate; prednisone; adalimumab; étanercept
* ergothérapie; orthèses de repos; kinésithérapie
< tabagisme; prédisposition génétique; sexe féminin
> déformations articulaires; atteinte pulmonaire interstitielle; ostéoporose cortisonique
~ rhumatisme inflammatoire chronique auto-immun qui détruit les petites articulations

spondylarthrite ankylosante | rhumatologie | rachis
? lombalgies inflammatoires; raideur matinale; douleur fessière à bascule; talalgies
! limitation de la flexion lombaire; indice de Schober à 11 cm; douleur sacro-iliaque
= imagerie par résonance magnétique du bassin: un œdème osseux sacro-iliaque; recherche de l'antigène HLA-B27: un résultat positif; radiographie du bassin: une sacro-iliite bilatérale
+ naproxène; adalimumab; sécukinumab
* kinésithérapie; gymnastique quotidienne; arrêt du tabac
< antigène HLA-B27; antécédent familial; sexe masculin
> ankylose rachidienne; uvéite antérieure; fracture vertébrale
~ rhumatisme inflammatoire chronique touchant surtout le rachis et les sacro-iliaques

gonarthrose | rhumatologie | genou
? douleur mécanique du genou; raideur; gêne à la marche; craquements articulaires
! épanchement articulaire; limitation de la flexion; genu varum
= radiographie du genou: un pincement de l'interligne fémorotibial interne; bilan biologique: l'absence de syndrome inflammatoire
+ paracétamol; ibuprofène; acide hyaluronique
* kinésithérapie; perte de poids; canne; prothèse totale de genou
< surpoids; âge avancé; traumatisme ancien; sport intensif
> perte d'autonomie; chutes
~ usure du cartilage de l'articulation du genou

coxarthrose | chirurgie orthopédique | hanche
? douleur inguinale mécanique; boiterie; raideur; dérouillage matinal
! limitation de la rotation interne; amyotrophie quadricipitale
= radiographie du bassin: un pincement coxofémoral avec ostéophytose; scanner de la hanche: des géodes du cotyle
+ paracétamol; naproxène
* prothèse totale de hanche; kinésithérapie; canne
< dysplasie de hanche; surpoids; âge avancé
> boiterie permanente; raideur articulaire
~ usure du cartilage de l'articulation de la hanche

ostéoporose | rhumatologie | os
? douleur dorsale; perte de taille; fracture pour un choc minime
! cyphose dorsale; douleur à la pression des épineuses
= ostéodensitométrie: un T-score à -3,1 au rachis; radiographie du rachis: un tassement vertébral de la douzième vertèbre dorsale; dosage de la vitamine D: une carence profonde
+ alendronate; dénosumab; colécalciférol
* apports calciques suffisants; marche quotidienne; prévention des chutes
< ménopause précoce; corticothérapie prolongée; tabagisme; maigreur
> fracture du col du fémur; tassement vertébral; fracture du poignet
~ diminution de la masse osseuse qui rend le squelette fragile

fracture du col du fémur | chirurgie orthopédique | fémur
? douleur de la hanche; impotence fonctionnelle totale; douleur à la mobilisation de la cuisse
! raccourcissement du membre; rotation externe du pied
= radiographie du bassin: une fracture cervicale vraie déplacée; bilan biologique: une anémie modérée
+ paracétamol; morphine; énoxaparine
* ostéosynthèse; prothèse intermédiaire de hanche; lever précoce
< ostéoporose; chutes à répétition; âge avancé
> complications de décubitus; perte d'autonomie; infection du site opératoire
~ rupture de l'extrémité supérieure du fémur, fréquente chez la personne âgée après une chute

entorse de la cheville | médecine du sport | cheville
? douleur de la cheville; gonflement; sensation de craquement; gêne à l'appui
! ecchymose sous-malléolaire; douleur du ligament talofibulaire antérieur
= radiographie de la cheville: l'absence de fracture
+ paracétamol; kétoprofène
* glaçage; attelle; rééducation proprioceptive
< sport de pivot; laxité ligamentaire; chaussage inadapté
> instabilité chronique; raideur
~ lésion d'un ligament de la cheville après un mouvement forcé

lombosciatique | rhumatologie | rachis lombaire
? douleur lombaire; irradiation à la face postérieure de la cuisse; paresthésies du pied; impulsivité à la toux
! signe de Lasègue à 30 degrés; abolition du réflexe achilléen; raideur segmentaire
= imagerie par résonance magnétique lombaire: une hernie discale postérolatérale gauche; radiographie du rachis: un pincement discal
+ paracétamol; ibuprofène; tramadol
* reprise précoce de l'activité; infiltration épidurale; rééducation du dos
< port de charges lourdes; sédentarité; vibrations professionnelles
> syndrome de la queue de cheval; déficit moteur; douleur chronique
~ douleur du trajet du nerf sciatique due à la compression d'une racine par un disque

hernie discale | neurochirurgie | disque intervertébral
? douleur lombaire; radiculalgie; fourmillements du membre inférieur
! déficit des releveurs du pied; signe de Lasègue
= imagerie par résonance magnétique lombaire: un conflit discoradiculaire en L5-S1
+ paracétamol; kétoprofène; prégabaline
* discectomie; kinésithérapie; école du dos
< port de charges lourdes; surpoids; tabagisme
> syndrome de la queue de cheval; paralysie du pied
~ saillie d'un disque intervertébral qui comprime une racine nerveuse

lupus érythémateux systémique | médecine interne | tissu conjonctif
? éruption du visage; douleurs articulaires; fatigue; photosensibilité
! érythème en ailes de papillon; alopécie; ulcérations buccales
= recherche d'auto-anticorps: des anticorps anti-ADN natif positifs; protéinurie des 24 heures: une excrétion de 1,8 g; hémogramme: une lymphopénie
+ hydroxychloroquine; prednisone; mycophénolate mofétil
* photoprotection; contraception adaptée; surveillance ophtalmologique
< sexe féminin; prédisposition génétique; exposition solaire
> néphropathie lupique; péricardite; thrombose veineuse
~ maladie auto-immune pouvant toucher la peau, les articulations, les reins et le cœur

maladie de Crohn | gastro-entérologie | intestin grêle
? diarrhée chronique; douleurs abdominales; amaigrissement; fièvre
! masse de la fosse iliaque droite; fistule périanale; aphtes buccaux
= coloscopie: des ulcérations aphtoïdes séparées par de la muqueuse saine; entéro-IRM: un épaississement de la dernière anse iléale; dosage de la calprotectine fécale: un taux élevé
+ budésonide; azathioprine; infliximab
* arrêt du tabac; soutien nutritionnel; résection iléocæcale
< tabagisme; antécédent familial; appendicectomie
> sténose intestinale; fistule; abcès abdominal
~ maladie inflammatoire chronique pouvant atteindre tout le tube digestif

rectocolite hémorragique | gastro-entérologie | côlon
? diarrhée glairosanglante; épreintes; ténesme; douleurs abdominales
! sensibilité de la fosse iliaque gauche; pâleur
= coloscopie: une muqueuse rectale érythémateuse et granuleuse en continu; hémogramme: une anémie ferriprive; coproculture: l'absence d'agent pathogène
+ mésalazine; prednisolone; infliximab
* surveillance endoscopique; colectomie
< arrêt récent du tabac; antécédent familial
> colectasie; cancer colique; hémorragie digestive
~ maladie inflammatoire chronique limitée à la muqueuse du rectum et du côlon

ulcère gastroduodénal | gastro-entérologie | estomac
? crampes épigastriques; douleur calmée par l'alimentation; nausées; méléna
! sensibilité épigastrique; toucher rectal normal
= endoscopie digestive haute: une ulcération antrale de 10 mm; biopsie gastrique: la présence d'Helicobacter pylori
+ oméprazole; amoxicilline; clarithromycine
* arrêt des anti-inflammatoires; arrêt du tabac
< infection à Helicobacter pylori; prise d'anti-inflammatoires; tabagisme
> hémorragie digestive; perforation; sténose pylorique
~ perte de substance profonde de la paroi de l'estomac ou du duodénum

reflux gastro-œsophagien | gastro-entérologie | œsophage
? pyrosis; régurgitations acides; toux nocturne; enrouement
! abdomen souple; examen clinique normal
= endoscopie digestive haute: une œsophagite de grade B; pH-métrie des 24 heures: une exposition acide pathologique
+ oméprazole; pantoprazole; alginate de sodium
* surélévation de la tête du lit; repas légers le soir; perte de poids
< surpoids; hernie hiatale; repas copieux; grossesse
> œsophagite; endobrachyœsophage; sténose peptique
~ remontée du contenu acide de l'estomac dans l'œsophage

gastro-entérite aiguë | médecine générale | intestin
? diarrhée liquide; vomissements; douleurs abdominales; fièvre modérée
! abdomen sensible sans défense; muqueuses sèches
= ionogramme sanguin: une hypokaliémie modérée; coproculture: la présence de Campylobacter
+ racécadotril; paracétamol; lopéramide
* réhydratation orale; lavage des mains; alimentation fractionnée
< vie en collectivité; aliments mal conservés; voyage récent
> déshydratation; insuffisance rénale fonctionnelle
~ infection du tube digestif, le plus souvent virale et très contagieuse

appendicite aiguë | chirurgie viscérale | appendice
? douleur de la fosse iliaque droite; nausées; fièvre modérée; perte d'appétit
! défense de la fosse iliaque droite; signe de McBurney; psoïtis
= échographie abdominale: un appendice épaissi à 11 mm; scanner abdominal: une infiltration de la graisse péri-appendiculaire; bilan biologique: une hyperleucocytose à polynucléaires
+ amoxicilline; métronidazole; paracétamol
* appendicectomie cœlioscopique; surveillance chirurgicale
< âge jeune; stercolithe
> péritonite; abcès appendiculaire; plastron
~ inflammation aiguë de l'appendice, première urgence chirurgicale abdominale

cholécystite aiguë | chirurgie viscérale | vésicule biliaire
? douleur de l'hypochondre droit; fièvre; nausées; vomissements
! signe de Murphy; défense sous-costale
= échographie abdominale: une vésicule à paroi épaissie contenant des calculs; bilan hépatique: une cytolyse modérée
+ ceftriaxone; métronidazole; phloroglucinol
* cholécystectomie cœlioscopique; mise à jeun
< lithiase vésiculaire; surpoids; sexe féminin; âge avancé
> péritonite biliaire; angiocholite; pancréatite
~ infection de la vésicule biliaire due à un calcul enclavé

pancréatite aiguë | gastro-entérologie | pancréas
? douleur épigastrique transfixiante; vomissements; fièvre
! position antalgique en chien de fusil; défense épigastrique; ecchymose péri-ombilicale
= dosage de la lipase: un taux à dix fois la normale; scanner abdominal: des coulées de nécrose péripancréatiques; échographie abdominale: des calculs vésiculaires
+ morphine; paracétamol
* mise à jeun; remplissage vasculaire; nutrition entérale; sevrage alcoolique
< lithiase vésiculaire; consommation d'alcool; hypertriglycéridémie
> nécrose infectée; pseudokyste; défaillance multiviscérale
~ inflammation brutale du pancréas par autodigestion enzymatique

cirrhose | hépatologie | foie
? asthénie; amaigrissement; augmentation du volume de l'abdomen; prurit
! angiomes stellaires; ictère; ascite; circulation veineuse collatérale
= échographie abdominale: un foie dysmorphique à contours bosselés; élastométrie hépatique: une dureté à 28 kPa; endoscopie digestive haute: des varices œsophagiennes de grade 2
+ spironolactone; propranolol; lactulose
* sevrage alcoolique; ponction d'ascite; transplantation hépatique
< consommation d'alcool; hépatite virale chronique; stéatose hépatique
> rupture de varices; encéphalopathie hépatique; carcinome hépatocellulaire
~ fibrose diffuse et irréversible du foie avec formation de nodules de régénération

hépatite virale | hépatologie | foie
? asthénie; ictère; nausées; urines foncées; arthralgies
! hépatomégalie sensible; ictère conjonctival
= bilan hépatique: une cytolyse à trente fois la normale; sérologie virale: un antigène HBs positif; élastométrie hépatique: une fibrose débutante
+ ténofovir; entécavir; sofosbuvir
* arrêt de l'alcool; vaccination de l'entourage; surveillance échographique
< rapports sexuels non protégés; toxicomanie intraveineuse; transfusion ancienne
> cirrhose; carcinome hépatocellulaire; hépatite fulminante
~ inflammation du foie causée par un virus

hernie inguinale | chirurgie viscérale | paroi abdominale
? tuméfaction de l'aine; pesanteur inguinale; gêne à l'effort
! tuméfaction réductible et impulsive à la toux; orifice inguinal élargi
= échographie pariétale: un sac herniaire à contenu digestif
+ paracétamol
* cure de hernie avec pose de prothèse; arrêt du port de charges
< toux chronique; port de charges lourdes; constipation
> étranglement herniaire; occlusion intestinale
~ passage d'une partie du contenu abdominal à travers un orifice de l'aine

occlusion intestinale | chirurgie viscérale | intestin grêle
? douleurs abdominales; vomissements; arrêt des matières et des gaz; ballonnement
! météorisme; tympanisme; cicatrice de laparotomie
= scanner abdominal: une dilatation des anses grêles en amont d'une bride; ionogramme sanguin: une hyponatrémie
+ paracétamol; phloroglucinol
* aspiration gastrique; section de bride; mise à jeun
< antécédent de chirurgie abdominale; hernie; cancer colique
> nécrose intestinale; péritonite; choc hypovolémique
~ arrêt complet et persistant du transit intestinal

cancer du côlon | oncologie | côlon
? rectorragies; troubles du transit; amaigrissement; douleurs abdominales; anémie
! masse abdominale palpable; pâleur
= coloscopie: une tumeur bourgeonnante du sigmoïde; scanner thoraco-abdomino-pelvien: des nodules hépatiques secondaires; dosage de l'antigène carcino-embryonnaire: un taux élevé
+ oxaliplatine; capécitabine; bévacizumab
* colectomie gauche; dépistage familial; soutien nutritionnel
< antécédent familial; alimentation riche en viande rouge; polypes coliques
> occlusion intestinale; métastases hépatiques; perforation
~ tumeur maligne née de la muqueuse du gros intestin, souvent à partir d'un polype

diverticulite sigmoïdienne | gastro-entérologie | côlon sigmoïde
? douleur de la fosse iliaque gauche; fièvre; constipation
! défense de la fosse iliaque gauche; empâtement
= scanner abdominal: un épaississement sigmoïdien avec infiltration de la graisse; bilan biologique: un syndrome inflammatoire
+ amoxicilline; métronidazole; paracétamol
* régime sans résidus; surveillance; sigmoïdectomie
< constipation; âge avancé; alimentation pauvre en fibres
> abcès; fistule; péritonite
~ inflammation d'un diverticule du côlon

insuffisance rénale chronique | néphrologie | rein
? asthénie; nycturie; crampes; prurit; perte d'appétit
! pâleur; œdèmes des membres inférieurs; pression artérielle à 165/95 mmHg
= dosage de la créatinine: un débit de filtration glomérulaire à 24 mL/min; ionogramme sanguin: une hyperkaliémie; échographie rénale: des reins de petite taille; protéinurie des 24 heures: une excrétion de 1,2 g
+ ramipril; furosémide; érythropoïétine; colécalciférol
* régime contrôlé en protéines; hémodialyse; transplantation rénale; arrêt des néphrotoxiques
< diabète; hypertension artérielle; néphropathie familiale
> anémie; hyperkaliémie; ostéodystrophie rénale
~ diminution progressive et irréversible de la fonction des reins

syndrome néphrotique | néphrologie | glomérule
? œdèmes; prise de poids; urines mousseuses; fatigue
! œdèmes blancs et mous; ascite
= protéinurie des 24 heures: une excrétion de 6 g; dosage de l'albumine: une hypoalbuminémie à 18 g/L; ponction-biopsie rénale: des lésions glomérulaires minimes
+ prednisone; furosémide; ciclosporine
* régime pauvre en sel; surveillance de la protéinurie
< diabète; maladie auto-immune; prise d'anti-inflammatoires
> thrombose veineuse; infections; insuffisance rénale
~ fuite massive de protéines dans les urines avec hypoalbuminémie

lithiase urinaire | urologie | uretère
? douleur lombaire unilatérale; agitation; hématurie; nausées
! sensibilité de la fosse lombaire; absence de position antalgique
= scanner abdominopelvien: un calcul urétéral de 6 mm; bandelette urinaire: une hématurie
+ kétoprofène; paracétamol; tamsulosine
* hydratation abondante; lithotritie; pose d'une sonde double J
< hydratation insuffisante; excès de sel; antécédent familial
> pyélonéphrite obstructive; insuffisance rénale aiguë
~ présence d'un calcul dans les voies urinaires

pyélonéphrite aiguë | urologie | rein
? fièvre élevée; frissons; douleur lombaire; brûlures mictionnelles; pollakiurie
! douleur à l'ébranlement de la fosse lombaire; température à 39,5 °C
= examen cytobactériologique des urines: une leucocyturie avec Escherichia coli; échographie rénale: l'absence de dilatation pyélocalicielle; hémoculture: une bactériémie à Escherichia coli
+ ceftriaxone; ofloxacine; paracétamol
* hydratation abondante; surveillance de la température
< sexe féminin; grossesse; obstacle urinaire; diabète
> abcès rénal; choc septique
~ infection bactérienne du rein et de son bassinet

cystite aiguë | urologie | vessie
? brûlures mictionnelles; pollakiurie; urgenturie; pesanteur pelvienne
! sensibilité sus-pubienne; absence de fièvre
= bandelette urinaire: des leucocytes et des nitrites; examen cytobactériologique des urines: une bactériurie à Escherichia coli
+ fosfomycine; nitrofurantoïne; pivmécillinam
* hydratation abondante; miction après les rapports
< sexe féminin; rapports sexuels; constipation; ménopause
> pyélonéphrite; récidive
~ infection bactérienne de la vessie, très fréquente chez la femme

hypertrophie bénigne de la prostate | urologie | prostate
? dysurie; pollakiurie nocturne; jet urinaire faible; gouttes retardataires
! prostate augmentée de volume et souple; globe vésical
= échographie prostatique: un volume de 65 mL; débitmétrie urinaire: un débit maximal à 8 mL/s; dosage de l'antigène prostatique: un taux normal pour l'âge
+ tamsulosine; finastéride; alfuzosine
* réduction des boissons le soir; résection endoscopique
< âge avancé; antécédent familial
> rétention aiguë d'urine; infection urinaire; lithiase vésicale
~ augmentation bénigne du volume de la prostate avec l'âge

cancer de la prostate | oncologie | prostate
? dysurie; hématurie; douleurs osseuses
! nodule dur du lobe droit; prostate asymétrique
= dosage de l'antigène prostatique: un taux à 14 ng/mL; biopsie prostatique: un adénocarcinome de score de Gleason 7; scintigraphie osseuse: l'absence de fixation suspecte
+ leuproréline; bicalutamide; docétaxel
* prostatectomie radicale; radiothérapie; surveillance active
< âge avancé; antécédent familial
> métastases osseuses; rétention aiguë d'urine
~ tumeur maligne de la prostate, le plus fréquent des cancers de l'homme

cancer du sein | oncologie | sein
? nodule du sein; écoulement mamelonnaire; rétraction cutanée
! masse indurée du quadrant supéro-externe; adénopathie axillaire
= mammographie: une opacité spiculée classée ACR 5; échographie mammaire: une masse hypoéchogène irrégulière de 17 mm; biopsie mammaire: un carcinome infiltrant avec récepteurs hormonaux positifs
+ tamoxifène; létrozole; trastuzumab; docétaxel
* tumorectomie avec ganglion sentinelle; radiothérapie; soutien psychologique
< antécédent familial; mutation BRCA1; traitement hormonal de la ménopause
> métastases osseuses; lymphœdème; récidive locale
~ tumeur maligne de la glande mammaire, le plus fréquent des cancers de la femme

endométriose | gynécologie | utérus
? douleurs pelviennes cycliques; dysménorrhée; dyspareunie; infertilité
! nodule du torus utérin; utérus rétroversé douloureux
= imagerie par résonance magnétique pelvienne: un endométriome ovarien de 4 cm; échographie pelvienne: des lésions du ligament utérosacré
+ diénogest; ibuprofène; leuproréline
* cœlioscopie opératoire; soutien psychologique; acupuncture
< cycles courts; antécédent familial; règles abondantes
> infertilité; adhérences pelviennes; douleur chronique
~ présence de tissu endométrial en dehors de la cavité utérine

fibrome utérin | gynécologie | utérus
? ménorragies; pesanteur pelvienne; anémie
! utérus augmenté de volume; masse pelvienne mobile
= échographie pelvienne: un myome interstitiel de 6 cm; hémogramme: une anémie ferriprive
+ acide tranexamique; sulfate ferreux; ibuprofène
* myomectomie; embolisation; hystérectomie
< âge de plus de 40 ans; antécédent familial; nulliparité
> anémie; infertilité; nécrobiose
~ tumeur bénigne développée à partir du muscle utérin

prééclampsie | obstétrique | placenta
? céphalées; phosphènes; œdèmes; barre épigastrique
! pression artérielle à 160/105 mmHg; réflexes vifs
= protéinurie des 24 heures: une excrétion de 2,4 g; bilan hépatique: une cytolyse; échographie obstétricale: un retard de croissance fœtale
+ labétalol; sulfate de magnésium; nicardipine
* hospitalisation; surveillance fœtale; extraction fœtale
< première grossesse; hypertension artérielle; grossesse gémellaire
> éclampsie; hématome rétroplacentaire; retard de croissance
~ complication de la grossesse associant une hypertension et une protéinurie

anémie ferriprive | hématologie | sang
? fatigue; dyspnée d'effort; vertiges; palpitations
! pâleur conjonctivale; ongles cassants; tachycardie
= hémogramme: une hémoglobine à 8,2 g/dL avec microcytose; dosage de la ferritine: un taux effondré; endoscopie digestive haute: une gastrite érosive
+ sulfate ferreux; saccharose ferrique
* alimentation riche en fer; recherche d'un saignement; transfusion
< règles abondantes; saignement digestif; régime végétalien
> insuffisance cardiaque; retentissement scolaire
~ diminution de l'hémoglobine du sang par manque de fer

leucémie aiguë | hématologie | moelle osseuse
? asthénie; fièvre; saignements; pâleur; infections répétées
! purpura; gingivorragies; splénomégalie; adénopathies
= hémogramme: une pancytopénie avec blastes circulants; myélogramme: une infiltration blastique de 70 %; caryotype: une translocation entre les chromosomes 8 et 21
+ cytarabine; daunorubicine; imatinib
* chimiothérapie d'induction; greffe de moelle osseuse; isolement protecteur
< exposition au benzène; chimiothérapie antérieure; trisomie 21
> aplasie fébrile; hémorragie; rechute
~ prolifération maligne de cellules immatures dans la moelle osseuse

lymphome de Hodgkin | hématologie | ganglion
? adénopathies cervicales; sueurs nocturnes; fièvre; prurit; amaigrissement
! ganglions fermes et mobiles; splénomégalie
= biopsie ganglionnaire: des cellules de Reed-Sternberg; tomographie par émission de positons: un hypermétabolisme sus-diaphragmatique
+ doxorubicine; bléomycine; vinblastine
* chimiothérapie; radiothérapie; préservation de la fertilité
< âge jeune; infection à virus d'Epstein-Barr
> compression médiastinale; toxicité cardiaque
~ cancer du système lymphatique caractérisé par la présence de cellules de Reed-Sternberg

myélome multiple | hématologie | moelle osseuse
? douleurs osseuses; asthénie; infections répétées; amaigrissement
! douleur rachidienne à la pression; pâleur
= électrophorèse des protéines: un pic monoclonal de type IgG; myélogramme: une plasmocytose de 35 %; scanner du squelette: des lésions lytiques multiples
+ bortézomib; lénalidomide; dexaméthasone; acide zolédronique
* autogreffe de cellules souches; radiothérapie antalgique
< âge avancé; gammapathie monoclonale
> fracture pathologique; hypercalcémie; insuffisance rénale
~ prolifération maligne de plasmocytes dans la moelle osseuse

dépression | psychiatrie | cerveau
? tristesse; perte d'intérêt; insomnie; fatigue; idées noires; culpabilité
! ralentissement psychomoteur; visage peu expressif; discours pauvre
= échelle de Hamilton: un score à 24; bilan biologique: l'absence d'anomalie thyroïdienne
+ sertraline; escitalopram; venlafaxine; mirtazapine
* psychothérapie; activité physique régulière; arrêt de travail
< deuil récent; antécédent familial; isolement social; maladie chronique
> suicide; désinsertion professionnelle; addiction
~ trouble de l'humeur associant tristesse durable et perte d'élan vital

trouble bipolaire | psychiatrie | cerveau
? euphorie; insomnie sans fatigue; dépenses inconsidérées; logorrhée; tristesse
! tachypsychie; familiarité excessive; fuite des idées
= dosage de la lithiémie: un taux à 0,7 mmol/L; bilan thyroïdien: un résultat normal
+ lithium; quétiapine; valproate de sodium
* psychoéducation; régularité du sommeil; hospitalisation
< antécédent familial; consommation de cannabis; privation de sommeil
> suicide; conduites à risque; désinsertion sociale
~ trouble de l'humeur où alternent des épisodes maniaques et dépressifs

schizophrénie | psychiatrie | cerveau
? hallucinations auditives; idées délirantes; repli sur soi; discours incohérent
! bizarrerie du contact; émoussement affectif; dissociation
= imagerie par résonance magnétique cérébrale: l'absence de lésion organique; recherche de toxiques: un résultat positif au cannabis
+ rispéridone; olanzapine; clozapine; halopéridol
* remédiation cognitive; hospitalisation; réhabilitation psychosociale
< consommation de cannabis; antécédent familial; naissance prématurée
> suicide; isolement social; syndrome métabolique
~ trouble psychotique chronique altérant la perception de la réalité

trouble anxieux généralisé | psychiatrie | cerveau
? inquiétude permanente; tension musculaire; insomnie; irritabilité; palpitations
! agitation; mains moites; examen clinique normal
= bilan thyroïdien: un résultat normal
+ escitalopram; hydroxyzine; oxazépam
* thérapie cognitive et comportementale; relaxation; réduction du café
< événement de vie stressant; antécédent familial
> dépression; dépendance aux benzodiazépines
~ inquiétude excessive et incontrôlable durant plus de six mois

grippe | médecine générale | voies respiratoires
? fièvre élevée; courbatures; céphalées; toux sèche; frissons
! gorge érythémateuse; température à 39,4 °C; auscultation pulmonaire normale
= test antigénique: la présence du virus influenza A
+ paracétamol; oseltamivir
* repos; hydratation abondante; port du masque
< absence de vaccination; vie en collectivité; saison hivernale
> pneumopathie; décompensation cardiaque; déshydratation
~ infection respiratoire virale très contagieuse due au virus influenza

covid-19 | infectiologie | voies respiratoires
? fièvre; perte de l'odorat; toux sèche; fatigue intense; dyspnée
! saturation à 91 % en air ambiant; râles crépitants bilatéraux
= test par amplification génique: la présence du coronavirus; scanner thoracique: des plages de verre dépoli bilatérales
+ dexaméthasone; énoxaparine; paracétamol
* isolement; oxygénothérapie; vaccination
< âge avancé; obésité; immunodépression
> détresse respiratoire; embolie pulmonaire; fatigue persistante
~ infection respiratoire causée par le coronavirus SARS-CoV-2

rougeole | pédiatrie | peau
? fièvre élevée; toux; conjonctivite; éruption du visage
! signe de Koplik; exanthème maculopapuleux descendant
= sérologie virale: des immunoglobulines M positives
+ paracétamol; vitamine A
* isolement; vaccination de l'entourage; hydratation abondante
< absence de vaccination; vie en collectivité
> pneumopathie; encéphalite; otite
~ maladie virale éruptive très contagieuse évitable par la vaccination

varicelle | pédiatrie | peau
? vésicules prurigineuses; fièvre modérée; fatigue
! vésicules d'âges différents; lésions de grattage; croûtes du cuir chevelu
= sérologie virale: un résultat positif
+ paracétamol; aciclovir; chlorhexidine
* ongles courts; éviction scolaire; douches tièdes
< absence de vaccination; immunodépression; vie en collectivité
> surinfection cutanée; pneumopathie; encéphalite
~ première infection par le virus varicelle-zona, bénigne chez l'enfant

zona | dermatologie | nerf
? douleur à type de brûlure; éruption vésiculeuse; paresthésies
! vésicules en bouquets sur un dermatome; hyperesthésie cutanée
= prélèvement cutané: la présence du virus varicelle-zona
+ valaciclovir; paracétamol; prégabaline
* soins locaux; vaccination
< âge avancé; immunodépression; stress chronique
> douleur post-zostérienne; atteinte ophtalmique
~ réactivation du virus de la varicelle dans le territoire d'un nerf sensitif

paludisme | infectiologie | globule rouge
? fièvre intermittente; frissons; céphalées; vomissements; courbatures
! splénomégalie; ictère conjonctival; température à 40 °C
= frottis sanguin: la présence de Plasmodium falciparum; hémogramme: une thrombopénie; goutte épaisse: une parasitémie à 2 %
+ artéméther; artésunate; atovaquone
* moustiquaire imprégnée; répulsifs cutanés; hospitalisation
< voyage en zone tropicale; absence de chimioprophylaxie
> accès pernicieux; insuffisance rénale; coma
~ maladie parasitaire transmise par la piqûre d'un moustique anophèle

infection à VIH | infectiologie | système immunitaire
? amaigrissement; fièvre prolongée; diarrhée chronique; candidose buccale
! adénopathies diffuses; leucoplasie chevelue de la langue
= sérologie virale: un résultat positif confirmé; numération des lymphocytes CD4: un taux à 180 par mm³; mesure de la charge virale: 85 000 copies par mL
+ dolutégravir; ténofovir; emtricitabine
* prévention combinée; dépistage des partenaires; soutien psychologique
< rapports sexuels non protégés; toxicomanie intraveineuse
> pneumocystose; toxoplasmose cérébrale; lymphome
~ infection chronique détruisant les lymphocytes CD4, aujourd'hui contrôlée par le traitement

érysipèle | dermatologie | peau
? fièvre; placard rouge et chaud de la jambe; frissons; douleur cutanée
! placard érythémateux bien limité; intertrigo interorteil; adénopathie inguinale
= bilan biologique: une hyperleucocytose; prélèvement cutané: un streptocoque du groupe A
+ amoxicilline; pristinamycine; paracétamol
* repos au lit; surélévation des jambes; soins de pédicurie
< insuffisance veineuse; intertrigo; obésité; lymphœdème
> abcès; fasciite nécrosante; récidive
~ infection aiguë du derme par un streptocoque

psoriasis | dermatologie | peau
? plaques squameuses; prurit; douleurs articulaires
! plaques érythématosquameuses des coudes; ongles en dé à coudre
= biopsie cutanée: une hyperkératose avec parakératose
+ calcipotriol; bétaméthasone; méthotrexate; adalimumab
* photothérapie; émollients; réduction du stress
< antécédent familial; stress chronique; consommation d'alcool
> rhumatisme psoriasique; érythrodermie; syndrome métabolique
~ maladie inflammatoire chronique de la peau évoluant par poussées

eczéma atopique | dermatologie | peau
? prurit; peau sèche; lésions suintantes des plis
! plaques érythémateuses des plis des coudes; lichénification; excoriations
= test cutané: une sensibilisation aux acariens; dosage des immunoglobulines E: un taux augmenté
+ bétaméthasone; tacrolimus; cétirizine
* émollients; vêtements en coton; bains tièdes
< terrain atopique; air sec; irritants cutanés
> surinfection cutanée; retentissement sur le sommeil
~ dermatose inflammatoire prurigineuse survenant sur un terrain allergique

mélanome | dermatologie | peau
? grain de beauté modifié; saignement d'une lésion; prurit
! lésion pigmentée asymétrique à bords irréguliers; polychromie; adénopathie inguinale
= dermoscopie: un réseau pigmentaire atypique; biopsie-exérèse: un indice de Breslow à 1,8 mm
+ nivolumab; dabrafénib
* exérèse élargie; ganglion sentinelle; photoprotection
< coups de soleil dans l'enfance; peau claire; grains de beauté nombreux
> métastases cérébrales; récidive locale
~ tumeur maligne développée à partir des mélanocytes de la peau

urticaire | allergologie | peau
? plaques prurigineuses; gonflement des lèvres; démangeaisons
! papules œdémateuses mobiles; dermographisme
= test cutané: une sensibilisation à l'arachide
+ cétirizine; desloratadine; adrénaline
* éviction des allergènes; trousse d'urgence
< allergie alimentaire; prise médicamenteuse; infection virale récente
> choc anaphylactique; œdème laryngé
~ éruption de papules fugaces et prurigineuses liée à la libération d'histamine

otite moyenne aiguë | otorhinolaryngologie | oreille
? otalgie; fièvre; baisse de l'audition; irritabilité
! tympan bombé et rouge; otorrhée purulente
= tympanométrie: une courbe plate
+ amoxicilline; paracétamol
* lavage de nez; paracentèse
< vie en crèche; tabagisme passif; reflux
> mastoïdite; perforation tympanique; otite séreuse
~ infection de l'oreille moyenne, fréquente chez le jeune enfant

sinusite maxillaire | otorhinolaryngologie | sinus
? douleur faciale; rhinorrhée purulente; obstruction nasale; fièvre
! douleur à la pression du sinus; pus au méat moyen
= scanner des sinus: un comblement du sinus maxillaire droit
+ amoxicilline; prednisolone; paracétamol
* lavage de nez; soins dentaires
< rhinite allergique; infection dentaire; déviation de la cloison
> cellulite orbitaire; sinusite chronique
~ infection de la muqueuse d'un sinus de la face

angine streptococcique | otorhinolaryngologie | pharynx
? odynophagie; fièvre; dysphagie; otalgie réflexe
! amygdales érythématopultacées; adénopathies sous-maxillaires
= test de diagnostic rapide: un streptocoque du groupe A
+ amoxicilline; paracétamol
* repos; alimentation molle
< vie en collectivité; âge scolaire
> phlegmon périamygdalien; glomérulonéphrite; rhumatisme articulaire
~ infection aiguë des amygdales par un streptocoque

rhinite allergique | allergologie | nez
? éternuements; rhinorrhée claire; obstruction nasale; larmoiement
! muqueuse nasale pâle et œdématiée; cernes
= test cutané: une sensibilisation aux pollens de graminées
+ cétirizine; fluticasone; desloratadine
* éviction des allergènes; désensibilisation; lavage de nez
< terrain atopique; saison pollinique; animaux domestiques
> asthme; sinusite chronique; troubles du sommeil
~ inflammation de la muqueuse du nez provoquée par un allergène

cataracte | ophtalmologie | cristallin
? baisse d'acuité visuelle; éblouissement; vision trouble
! opacité du cristallin; acuité visuelle à 4/10
= examen à la lampe à fente: une opacité sous-capsulaire postérieure; biométrie oculaire: une longueur axiale de 23,4 mm
+ tropicamide; dexaméthasone
* phacoémulsification avec implant; lunettes de soleil
< âge avancé; diabète; corticothérapie prolongée
> opacification capsulaire; endophtalmie
~ opacification progressive du cristallin

glaucome chronique | ophtalmologie | œil
? rétrécissement du champ visuel; gêne visuelle nocturne; halos colorés autour des lumières
! excavation papillaire; pression intraoculaire à 26 mmHg
= champ visuel: un scotome arciforme; tomographie du nerf optique: un amincissement des fibres
+ latanoprost; timolol
* trabéculoplastie au laser; trabéculectomie
< antécédent familial; myopie forte; âge avancé
> cécité; neuropathie optique
~ neuropathie optique progressive liée le plus souvent à une pression intraoculaire élevée

conjonctivite | ophtalmologie | œil
? œil rouge; larmoiement; sensation de sable; sécrétions matinales
! hyperhémie conjonctivale; follicules; acuité visuelle conservée
= prélèvement conjonctival: un adénovirus
+ azithromycine; sérum physiologique; cétirizine
* lavage oculaire; hygiène des mains
< port de lentilles; vie en collectivité; allergie aux pollens
> kératite; contagion de l'entourage
~ inflammation de la membrane qui recouvre le blanc de l'œil

bronchiolite | pédiatrie | bronchiole
? toux; gêne respiratoire; difficultés alimentaires; rhinorrhée claire
! tirage intercostal; sibilants diffus; battement des ailes du nez
= test antigénique: la présence du virus respiratoire syncytial; radiographie thoracique: une distension
+ paracétamol; sérum physiologique
* lavage de nez; fractionnement des repas; oxygénothérapie
< prématurité; vie en crèche; tabagisme passif
> détresse respiratoire; apnées; déshydratation
~ infection virale des petites bronches du nourrisson

mucoviscidose | pneumologie | poumon
? toux chronique; infections bronchiques répétées; diarrhée graisseuse; retard de croissance
! hippocratisme digital; râles bronchiques diffus; maigreur
= test de la sueur: un taux de chlorure à 98 mmol/L; étude génétique: une mutation F508del; examen des crachats: un Pseudomonas aeruginosa
+ ivacaftor; tobramycine; pancréatine
* kinésithérapie respiratoire; soutien nutritionnel; transplantation pulmonaire
< antécédent familial; hérédité récessive
> insuffisance respiratoire; diabète; hémoptysie
~ maladie génétique rendant les sécrétions bronchiques et pancréatiques anormalement visqueuses

choc septique | réanimation | organisme
? fièvre élevée; frissons; confusion; oligurie
! marbrures des genoux; hypotension à 75/40 mmHg; extrémités froides
= dosage des lactates: un taux à 5,2 mmol/L; hémoculture: une bactériémie à Escherichia coli; mesure des gaz du sang: une acidose métabolique
+ noradrénaline; céfotaxime; gentamicine; hydrocortisone
* remplissage vasculaire; ventilation mécanique; drainage du foyer infectieux
< immunodépression; âge avancé; dispositif intravasculaire
> défaillance multiviscérale; insuffisance rénale aiguë; décès
~ défaillance circulatoire provoquée par une infection grave

syndrome d'apnées du sommeil | pneumologie | pharynx
? ronflements; somnolence diurne; céphalées matinales; nycturie
! obésité; cou large; oropharynx étroit
= polysomnographie: un index à 42 événements par heure
+ hydrochlorothiazide
* ventilation en pression positive; perte de poids; orthèse d'avancée mandibulaire
< obésité; sexe masculin; consommation d'alcool
> hypertension artérielle; accident de la route; fibrillation atriale
~ arrêts répétés de la respiration pendant le sommeil par obstruction du pharynx

dénutrition | gériatrie | muscle
? perte d'appétit; amaigrissement; fatigue; chutes
! perte de 8 % du poids en trois mois; fonte musculaire; escarre sacrée
= dosage de l'albumine: un taux à 27 g/L; impédancemétrie: une diminution de la masse maigre
+ complément nutritionnel; colécalciférol
* enrichissement des repas; nutrition entérale; soins dentaires
< isolement social; troubles de la déglutition; maladie chronique
> escarres; infections; perte d'autonomie
~ déficit d'apport en énergie ou en protéines par rapport aux besoins

intoxication alcoolique aiguë | médecine d'urgence | organisme
? agitation; troubles de l'équilibre; vomissements; propos incohérents
! haleine alcoolisée; dysarthrie; plaie du cuir chevelu
= dosage de l'alcoolémie: un taux à 2,4 g/L; scanner cérébral: l'absence de saignement intracrânien
+ thiamine; sérum glucosé
* surveillance de la conscience; position latérale de sécurité; entretien motivationnel
< dépendance à l'alcool; précarité; dépression
> coma; hypothermie; pneumopathie d'inhalation
~ ensemble des troubles provoqués par l'absorption massive d'alcool

brûlure du deuxième degré | chirurgie plastique | peau
? douleur intense; cloques; rougeur cutanée
! phlyctènes à plancher rouge; surface atteinte de 8 %
= photographie des lésions: une brûlure intermédiaire
+ morphine; sulfadiazine argentique; paracétamol
* refroidissement à l'eau; pansements gras; greffe de peau
< accident domestique; accident du travail
> surinfection cutanée; cicatrice hypertrophique; choc hypovolémique
~ destruction partielle de la peau par la chaleur, un produit chimique ou l'électricité
"""

# A block is one class of drugs:
#   class | drug dose form; …      ~ mode of action      > adverse effects      ! contraindications      = what to watch
DRUGS = """
pénicilline | amoxicilline 1 g comprimé; pivmécillinam 400 mg comprimé
~ empêche la synthèse de la paroi des bactéries
> diarrhée; éruption cutanée; candidose buccale
! allergie aux pénicillines; mononucléose infectieuse
= apparition d'une éruption cutanée

céphalosporine | ceftriaxone 1 g solution; céfotaxime 2 g solution
~ empêche la synthèse de la paroi des bactéries
> diarrhée; réaction allergique; douleur au point d'injection
! allergie aux céphalosporines
= fonction rénale

macrolide | clarithromycine 500 mg comprimé; azithromycine 250 mg comprimé
~ bloque la synthèse des protéines bactériennes
> nausées; douleurs abdominales; allongement de l'intervalle QT
! association à la colchicine; insuffisance hépatique sévère
= électrocardiogramme

streptogramine | pristinamycine 500 mg comprimé
~ bloque la synthèse des protéines bactériennes
> diarrhée; vomissements; éruption cutanée
! allergie aux streptogramines; allaitement
= tolérance digestive

fluoroquinolone | ofloxacine 200 mg comprimé
~ inhibe la réplication de l'acide désoxyribonucléique des bactéries
> tendinopathie; photosensibilité; insomnie
! antécédent de tendinopathie; épilepsie; grossesse
= douleurs tendineuses

aminoside | gentamicine 80 mg solution; tobramycine 300 mg solution
~ altère la lecture du code génétique des bactéries
> toxicité rénale; perte auditive; vertiges
! myasthénie; cirrhose décompensée
= fonction rénale; audition

nitro-imidazolé | métronidazole 500 mg comprimé
~ détruit les germes anaérobies
> goût métallique; nausées; neuropathie périphérique
! consommation d'alcool; hypersensibilité aux imidazolés
= examen neurologique

antibactérien urinaire | fosfomycine 3 g sachet; nitrofurantoïne 100 mg gélule
~ agit sur les bactéries présentes dans les urines
> nausées; diarrhée; fibrose pulmonaire
! insuffisance rénale sévère; déficit en G6PD
= fonction rénale

antituberculeux | isoniazide 300 mg comprimé; rifampicine 300 mg gélule; pyrazinamide 500 mg comprimé; éthambutol 400 mg comprimé
~ détruit le bacille de la tuberculose
> hépatite médicamenteuse; coloration orange des urines; névrite optique
! insuffisance hépatique sévère; porphyrie
= bilan hépatique; acuité visuelle

antiviral | aciclovir 800 mg comprimé; valaciclovir 1 g comprimé; oseltamivir 75 mg gélule; sofosbuvir 400 mg comprimé; ténofovir 245 mg comprimé; entécavir 0,5 mg comprimé
~ bloque la multiplication du virus dans les cellules
> céphalées; nausées; fatigue
! hypersensibilité au produit
= fonction rénale; bilan hépatique

antirétroviral | dolutégravir 50 mg comprimé; emtricitabine 200 mg comprimé
~ empêche l'intégration du virus dans les cellules
> insomnie; prise de poids; céphalées
! association à certains antiépileptiques
= charge virale

antipaludique | artéméther 20 mg comprimé; artésunate 60 mg solution; atovaquone 250 mg comprimé
~ détruit le parasite dans les globules rouges
> vertiges; vomissements; anémie retardée
! allaitement; trouble du rythme cardiaque
= parasitémie; hémogramme

antalgique | paracétamol 1 g comprimé
~ diminue la perception de la douleur et abaisse la fièvre
> hépatite médicamenteuse; réaction allergique
! insuffisance hépatique sévère
= respect de la dose maximale

antalgique opioïde | morphine 10 mg gélule; tramadol 50 mg gélule
~ agit sur les récepteurs opioïdes du cerveau et de la moelle
> constipation; somnolence; nausées; dépendance
! insuffisance respiratoire décompensée; épilepsie non contrôlée
= vigilance; transit; fréquence respiratoire

anti-inflammatoire non stéroïdien | ibuprofène 400 mg comprimé; kétoprofène 100 mg comprimé; naproxène 550 mg comprimé
~ inhibe la production des prostaglandines responsables de l'inflammation
> brûlures d'estomac; ulcère gastroduodénal; insuffisance rénale
! grossesse au-delà du cinquième mois; ulcère évolutif; insuffisance cardiaque sévère
= tolérance digestive; fonction rénale

corticoïde | prednisone 20 mg comprimé; prednisolone 20 mg comprimé; méthylprednisolone 120 mg solution; dexaméthasone 4 mg comprimé; hydrocortisone 100 mg solution
~ réduit l'inflammation et freine les défenses immunitaires
> prise de poids; insomnie; hyperglycémie; fragilité osseuse; infections
! infection non contrôlée; vaccin vivant
= glycémie; pression artérielle; densité osseuse

corticoïde inhalé | budésonide 200 µg poudre; fluticasone 50 µg suspension
~ réduit l'inflammation des muqueuses respiratoires
> candidose buccale; raucité de la voix; saignement de nez
! hypersensibilité au produit
= technique d'inhalation

bronchodilatateur | salbutamol 100 µg suspension; salmétérol 25 µg suspension; tiotropium 18 µg poudre
~ relâche les muscles lisses des bronches
> tremblements; tachycardie; bouche sèche
! hypersensibilité au produit
= technique d'inhalation; fréquence cardiaque

antileucotriène | montélukast 10 mg comprimé
~ s'oppose à l'action des leucotriènes dans les bronches
> cauchemars; céphalées; irritabilité
! hypersensibilité au produit
= sommeil; humeur

antihistaminique | cétirizine 10 mg comprimé; desloratadine 5 mg comprimé; hydroxyzine 25 mg comprimé
~ bloque les récepteurs de l'histamine
> somnolence; bouche sèche; céphalées
! insuffisance rénale terminale; glaucome aigu
= vigilance

héparine | énoxaparine 4000 UI solution
~ empêche la formation des caillots
> hématome; thrombopénie; saignement
! thrombopénie à l'héparine; hémorragie évolutive
= plaquettes; fonction rénale

anticoagulant oral | apixaban 5 mg comprimé; rivaroxaban 20 mg comprimé; warfarine 5 mg comprimé
~ freine la coagulation du sang
> saignement de nez; hématome; hémorragie digestive
! hémorragie évolutive; insuffisance hépatique sévère; grossesse
= fonction rénale; hémogramme

antiagrégant plaquettaire | acide acétylsalicylique 75 mg sachet; clopidogrel 75 mg comprimé
~ empêche les plaquettes de s'agglutiner
> saignement; ecchymoses; brûlures d'estomac
! ulcère évolutif; hémorragie évolutive
= signes de saignement

thrombolytique | altéplase 50 mg solution
~ dissout le caillot qui obstrue l'artère
> hémorragie cérébrale; saignement
! chirurgie récente; anticoagulation efficace
= conscience; pression artérielle

inhibiteur de l'enzyme de conversion | ramipril 5 mg gélule; périndopril 4 mg comprimé
~ dilate les vaisseaux en bloquant le système rénine-angiotensine
> toux sèche; hypotension; hyperkaliémie
! grossesse; sténose des artères rénales; antécédent d'angio-œdème
= kaliémie; créatinine

antagoniste de l'angiotensine | candésartan 8 mg comprimé
~ bloque les récepteurs de l'angiotensine
> hypotension; hyperkaliémie; vertiges
! grossesse; sténose des artères rénales
= kaliémie; créatinine

bêtabloquant | bisoprolol 5 mg comprimé; aténolol 50 mg comprimé; propranolol 40 mg comprimé; labétalol 200 mg comprimé
~ ralentit le cœur et diminue son travail
> bradycardie; fatigue; extrémités froides; cauchemars
! asthme sévère; bloc auriculoventriculaire; bradycardie
= fréquence cardiaque; pression artérielle

inhibiteur calcique | amlodipine 5 mg gélule; nicardipine 50 mg gélule
~ relâche la paroi des artères
> œdème des chevilles; bouffées de chaleur; céphalées
! choc cardiogénique; sténose aortique sévère
= pression artérielle

diurétique | furosémide 40 mg comprimé; hydrochlorothiazide 25 mg comprimé; spironolactone 25 mg comprimé
~ augmente l'élimination de l'eau et du sel par les reins
> déshydratation; crampes; trouble ionique; hypotension
! insuffisance rénale aiguë; hyponatrémie sévère
= ionogramme; poids; créatinine

dérivé nitré | trinitrine 0,15 mg solution
~ dilate les veines et les artères coronaires
> céphalées; hypotension; malaise
! association au sildénafil; hypotension sévère
= pression artérielle

antiarythmique | amiodarone 200 mg comprimé; digoxine 0,25 mg comprimé
~ ralentit la conduction électrique du cœur
> trouble thyroïdien; photosensibilité; bradycardie; nausées
! bloc auriculoventriculaire; hyperthyroïdie
= TSH; électrocardiogramme

statine | atorvastatine 20 mg comprimé; rosuvastatine 10 mg comprimé
~ diminue la fabrication du cholestérol par le foie
> douleurs musculaires; cytolyse hépatique; troubles digestifs
! grossesse; maladie hépatique évolutive
= bilan lipidique; transaminases

inhibiteur de l'absorption intestinale | ézétimibe 10 mg comprimé; orlistat 120 mg gélule
~ réduit le passage des graisses à travers l'intestin
> selles grasses; ballonnement; douleurs abdominales
! cholestase; malabsorption chronique
= bilan lipidique

veinotonique | diosmine 600 mg comprimé
~ augmente le tonus des veines
> troubles digestifs; éruption cutanée
! hypersensibilité au produit
= tolérance digestive

amine vasopressive | noradrénaline 8 mg solution; adrénaline 0,3 mg solution
~ resserre les vaisseaux et soutient la pression artérielle
> tachycardie; trouble du rythme; anxiété
! cardiopathie obstructive sévère
= pression artérielle invasive; diurèse

antiépileptique | lévétiracétam 500 mg comprimé; valproate de sodium 500 mg comprimé; lamotrigine 100 mg comprimé; carbamazépine 200 mg comprimé; gabapentine 300 mg gélule; prégabaline 75 mg gélule
~ stabilise l'activité électrique des neurones
> somnolence; vertiges; prise de poids; éruption cutanée
! grossesse pour le valproate; bloc auriculoventriculaire
= bilan hépatique; humeur

antimigraineux | sumatriptan 50 mg comprimé
~ resserre les vaisseaux dilatés pendant la crise
> oppression thoracique; bouffées de chaleur; fatigue
! antécédent d'infarctus; hypertension non contrôlée
= nombre de prises mensuelles

antiparkinsonien | lévodopa 100 mg gélule; pramipexole 0,18 mg comprimé; rasagiline 1 mg comprimé
~ compense le manque de dopamine dans le cerveau
> nausées; hypotension orthostatique; hallucinations; mouvements involontaires
! psychose; glaucome à angle fermé
= pression artérielle debout; comportement

anticholinestérasique | donépézil 10 mg comprimé
~ augmente la quantité d'acétylcholine dans le cerveau
> nausées; bradycardie; crampes
! hypersensibilité au produit
= fréquence cardiaque; poids

antiglutamate | mémantine 20 mg comprimé
~ protège les neurones de l'excès de glutamate
> vertiges; constipation; céphalées
! insuffisance rénale sévère
= comportement

immunomodulateur | interféron bêta 30 µg solution; hydroxychloroquine 200 mg comprimé
~ module l'activité du système immunitaire
> syndrome grippal; rétinopathie; fatigue
! rétinopathie; dépression sévère
= hémogramme; fond d'œil

myorelaxant | baclofène 10 mg comprimé
~ diminue la contraction excessive des muscles
> somnolence; faiblesse musculaire; confusion
! hypersensibilité au produit
= vigilance

antidépresseur | sertraline 50 mg gélule; escitalopram 10 mg comprimé; venlafaxine 75 mg gélule; mirtazapine 15 mg comprimé; duloxétine 60 mg gélule; amitriptyline 25 mg comprimé
~ augmente la disponibilité de la sérotonine entre les neurones
> nausées; insomnie; troubles sexuels; bouche sèche
! association aux inhibiteurs de la monoamine oxydase
= humeur; idées suicidaires

thymorégulateur | lithium 400 mg comprimé
~ régule l'humeur et prévient les rechutes
> tremblement; soif intense; hypothyroïdie; prise de poids
! insuffisance rénale sévère; régime sans sel
= lithiémie; TSH; créatinine

antipsychotique | rispéridone 2 mg comprimé; olanzapine 10 mg comprimé; clozapine 100 mg comprimé; halopéridol 5 mg comprimé; quétiapine 300 mg comprimé
~ bloque les récepteurs de la dopamine
> prise de poids; somnolence; raideur musculaire; hyperglycémie
! antécédent d'agranulocytose; allongement de l'intervalle QT
= poids; glycémie; électrocardiogramme

anxiolytique | oxazépam 10 mg comprimé
~ renforce l'action apaisante du GABA
> somnolence; troubles de la mémoire; dépendance
! insuffisance respiratoire sévère; apnées du sommeil
= durée de prescription

insuline | insuline glargine 100 UI solution; insuline lispro 100 UI solution
~ permet au glucose d'entrer dans les cellules
> hypoglycémie; prise de poids; lipodystrophie
! hypoglycémie
= glycémie capillaire

antidiabétique | metformine 850 mg comprimé; gliclazide 60 mg comprimé; empagliflozine 10 mg comprimé; liraglutide 1,2 mg solution
~ abaisse la glycémie
> diarrhée; hypoglycémie; nausées; mycose génitale
! insuffisance rénale sévère; acidocétose
= hémoglobine glyquée; créatinine

hormone thyroïdienne | lévothyroxine 75 µg comprimé
~ remplace l'hormone que la thyroïde ne produit plus
> palpitations; insomnie; amaigrissement
! coronaropathie instable; hyperthyroïdie
= TSH

antithyroïdien | carbimazole 20 mg comprimé
~ freine la fabrication des hormones thyroïdiennes
> agranulocytose; éruption cutanée; arthralgies
! allergie aux imidazolés; cancer de la thyroïde
= hémogramme; TSH

antigoutteux | colchicine 1 mg comprimé; allopurinol 100 mg comprimé; fébuxostat 80 mg comprimé
~ réduit l'inflammation ou le taux d'acide urique
> diarrhée; éruption cutanée; nausées
! insuffisance rénale sévère; association aux macrolides
= uricémie; transit

immunosuppresseur | méthotrexate 10 mg comprimé; azathioprine 50 mg comprimé; mycophénolate mofétil 500 mg comprimé; ciclosporine 50 mg capsule; tacrolimus 0,1 % pommade
~ freine la multiplication des cellules de l'immunité
> infections; nausées; cytolyse hépatique; baisse des globules blancs
! grossesse; infection évolutive
= hémogramme; bilan hépatique; créatinine

biothérapie | adalimumab 40 mg solution; étanercept 50 mg solution; infliximab 100 mg solution; sécukinumab 150 mg solution
~ neutralise une molécule de l'inflammation
> infections; réaction au point d'injection; fatigue
! tuberculose évolutive; insuffisance cardiaque sévère
= dépistage de la tuberculose; température

viscosupplémentation | acide hyaluronique 20 mg solution
~ améliore la lubrification de l'articulation
> gonflement articulaire; douleur au point d'injection
! infection articulaire
= état de l'articulation

traitement de l'ostéoporose | alendronate 70 mg comprimé; dénosumab 60 mg solution; acide zolédronique 5 mg solution
~ ralentit la destruction de l'os
> brûlures d'estomac; hypocalcémie; ostéonécrose de la mâchoire
! hypocalcémie; œsophagite
= calcémie; état dentaire

vitamine | colécalciférol 100 000 UI solution; thiamine 250 mg comprimé; vitamine A 200 000 UI capsule
~ corrige une carence
> hypercalcémie; nausées; céphalées
! hypercalcémie; lithiase calcique
= calcémie

antianémique | sulfate ferreux 80 mg comprimé; saccharose ferrique 100 mg solution; érythropoïétine 4000 UI solution
~ apporte ce qu'il faut pour fabriquer les globules rouges
> constipation; selles noires; nausées
! surcharge en fer; hypertension non contrôlée
= hémogramme; ferritine

inhibiteur de la pompe à protons | oméprazole 20 mg gélule; pantoprazole 40 mg comprimé
~ diminue la sécrétion acide de l'estomac
> céphalées; diarrhée; carence en magnésium
! hypersensibilité au produit
= durée de prescription

pansement digestif | alginate de sodium 10 mL suspension
~ protège la muqueuse de l'œsophage
> ballonnement; constipation
! hypersensibilité au produit
= apports en sel

antidiarrhéique | racécadotril 100 mg gélule; lopéramide 2 mg gélule
~ réduit la sécrétion ou les mouvements de l'intestin
> constipation; céphalées; nausées
! diarrhée glairosanglante; enfant de moins de deux ans
= hydratation

antispasmodique | phloroglucinol 80 mg comprimé
~ calme les spasmes du tube digestif et des voies urinaires
> éruption cutanée; urticaire
! hypersensibilité au produit
= évolution de la douleur

anti-inflammatoire intestinal | mésalazine 1 g sachet
~ réduit l'inflammation de la muqueuse intestinale
> céphalées; diarrhée; toxicité rénale
! allergie aux salicylés
= créatinine

laxatif | lactulose 10 g sachet
~ attire l'eau dans le côlon
> ballonnement; diarrhée
! occlusion intestinale
= transit

enzyme pancréatique | pancréatine 25 000 U gélule
~ aide à digérer les graisses
> douleurs abdominales; constipation
! hypersensibilité aux protéines de porc
= poids

alphabloquant | tamsulosine 0,4 mg gélule; alfuzosine 10 mg comprimé
~ relâche le col de la vessie
> hypotension orthostatique; vertiges; troubles de l'éjaculation
! antécédent de syncope
= pression artérielle debout

hormonothérapie | leuproréline 11,25 mg solution; bicalutamide 50 mg comprimé; tamoxifène 20 mg comprimé; létrozole 2,5 mg comprimé; finastéride 5 mg comprimé; diénogest 2 mg comprimé
~ prive les cellules de l'effet des hormones sexuelles
> bouffées de chaleur; fatigue; douleurs articulaires
! grossesse; antécédent thromboembolique
= densité osseuse; bilan lipidique

chimiothérapie | cisplatine 50 mg solution; oxaliplatine 100 mg solution; docétaxel 80 mg solution; capécitabine 500 mg comprimé; cytarabine 1 g solution; daunorubicine 20 mg solution; doxorubicine 50 mg solution; bléomycine 15 mg solution; vinblastine 10 mg solution
~ détruit les cellules qui se divisent rapidement
> nausées; chute des cheveux; baisse des globules blancs; aphtes
! grossesse; aplasie médullaire
= hémogramme; température

thérapie ciblée | imatinib 400 mg comprimé; trastuzumab 600 mg solution; bévacizumab 400 mg solution; bortézomib 3,5 mg solution; dabrafénib 75 mg gélule; lénalidomide 25 mg gélule
~ bloque un signal nécessaire à la croissance de la tumeur
> diarrhée; fatigue; éruption cutanée; hypertension
! grossesse; insuffisance cardiaque
= échocardiographie; hémogramme

immunothérapie | pembrolizumab 200 mg solution; nivolumab 240 mg solution
~ réveille les défenses immunitaires contre la tumeur
> fatigue; colite; thyroïdite; pneumopathie interstitielle
! maladie auto-immune active
= TSH; bilan hépatique

antifibrinolytique | acide tranexamique 500 mg comprimé
~ limite la dissolution des caillots et réduit les saignements
> nausées; vertiges
! antécédent de thrombose
= signes de thrombose

électrolyte | sulfate de magnésium 3 g solution; sérum physiologique 500 mL solution; sérum glucosé 500 mL solution
~ corrige les désordres de l'eau et des sels
> surcharge hydrique; rougeur du visage
! insuffisance rénale sévère; myasthénie
= ionogramme; réflexes

dermocorticoïde | bétaméthasone 0,05 % crème; calcipotriol 50 µg pommade
~ calme l'inflammation de la peau
> amincissement de la peau; vergetures; irritation
! infection cutanée; acné
= aspect de la peau

antiseptique | chlorhexidine 0,5 % solution; sulfadiazine argentique 1 % crème
~ détruit les germes présents à la surface de la peau
> irritation; réaction allergique
! contact avec l'œil
= aspect de la plaie

antiglaucomateux | latanoprost 50 µg collyre; timolol 0,5 % collyre
~ abaisse la pression dans l'œil
> œil rouge; allongement des cils; bradycardie
! asthme sévère; bloc auriculoventriculaire
= pression intraoculaire

mydriatique | tropicamide 0,5 % collyre
~ dilate la pupille
> éblouissement; picotement
! glaucome à angle fermé
= conduite automobile

correcteur de la mucoviscidose | ivacaftor 150 mg comprimé
~ améliore le fonctionnement du canal chlorure
> céphalées; éruption cutanée
! insuffisance hépatique sévère
= transaminases

complément alimentaire | complément nutritionnel 200 mL solution
~ apporte de l'énergie et des protéines
> diarrhée; ballonnement
! fausses routes
= poids; albumine
"""

# name | definition: terms that doctors explain.
GLOSSARY = """
dyspnée | une gêne à la respiration, ressentie à l'effort ou au repos
orthopnée | une gêne respiratoire en position allongée, qui oblige à dormir assis
hémoptysie | un rejet de sang venu des bronches au cours d'un effort de toux
cyanose | une coloration bleutée de la peau et des muqueuses par manque d'oxygène
tachycardie | une accélération des battements du cœur au-delà de 100 par minute
bradycardie | un ralentissement des battements du cœur en dessous de 60 par minute
syncope | une perte de connaissance brève avec chute, suivie d'un retour rapide à la normale
lipothymie | une sensation de malaise imminent sans perte complète de connaissance
œdème | un gonflement des tissus par accumulation de liquide
ascite | un épanchement de liquide dans la cavité péritonéale
ictère | une coloration jaune de la peau et des yeux due à l'excès de bilirubine
pyrosis | une brûlure qui remonte derrière le sternum
dysphagie | une difficulté à avaler les aliments ou les liquides
méléna | une émission de selles noires et malodorantes contenant du sang digéré
hématémèse | un vomissement de sang rouge ou noir
rectorragie | une émission de sang rouge par l'anus
hématurie | une présence de sang dans les urines
pollakiurie | une augmentation de la fréquence des mictions
dysurie | une difficulté à évacuer les urines
oligurie | une diminution de la quantité des urines en dessous de 500 mL par jour
anurie | une absence presque totale d'urines
polyurie | une émission d'urines trop abondantes
polydipsie | une soif excessive et permanente
céphalée | une douleur ressentie dans la tête
aphasie | un trouble du langage dû à une lésion du cerveau
hémiplégie | une paralysie d'une moitié du corps
paresthésie | une sensation anormale de fourmillement ou d'engourdissement
dysarthrie | une difficulté à articuler les mots
ataxie | un trouble de la coordination des mouvements
nystagmus | un mouvement involontaire et saccadé des yeux
photophobie | une gêne provoquée par la lumière
diplopie | une vision double d'un seul objet
mydriase | une dilatation de la pupille
myosis | un rétrécissement de la pupille
acouphène | un bruit perçu dans l'oreille sans source extérieure
épistaxis | un saignement de nez
prurit | une démangeaison de la peau qui pousse au grattage
purpura | des taches rouges de la peau qui ne s'effacent pas à la pression
érythème | une rougeur de la peau qui s'efface à la pression
phlyctène | une bulle remplie de liquide à la surface de la peau
papule | une petite élévation solide de la peau
escarre | une plaie profonde due à une pression prolongée sur la peau
ecchymose | une tache bleue due à un épanchement de sang sous la peau
adénopathie | un gonflement d'un ganglion lymphatique
splénomégalie | une augmentation du volume de la rate
hépatomégalie | une augmentation du volume du foie
asthénie | une fatigue générale qui ne cède pas au repos
anorexie | une perte de l'appétit
cachexie | un amaigrissement extrême avec fonte des muscles
arthralgie | une douleur d'une articulation sans gonflement
myalgie | une douleur des muscles
arthrite | une inflammation d'une articulation
tendinite | une inflammation d'un tendon
luxation | un déplacement des surfaces d'une articulation
ischémie | une insuffisance de l'apport de sang dans un tissu
nécrose | une mort des cellules d'un tissu
embolie | une obstruction d'un vaisseau par un corps étranger transporté par le sang
thrombose | une formation d'un caillot dans un vaisseau
anévrisme | une dilatation localisée de la paroi d'une artère
sténose | un rétrécissement d'un conduit ou d'un orifice
fistule | un trajet anormal entre deux organes ou vers la peau
abcès | une collection de pus dans une cavité
septicémie | un passage répété de bactéries dans le sang
leucopénie | une baisse du nombre des globules blancs
thrombopénie | une baisse du nombre des plaquettes
hyperkaliémie | un excès de potassium dans le sang
hyponatrémie | un manque de sodium dans le sang
hypoglycémie | une baisse du sucre dans le sang en dessous de 0,6 g/L
acidose | un excès d'acidité du sang
aménorrhée | une absence de règles
ménorragie | des règles trop abondantes ou trop longues
dysménorrhée | des règles douloureuses
gestité | un nombre de grossesses d'une femme
iatrogénie | un ensemble des effets néfastes provoqués par les soins
prophylaxie | un ensemble des moyens destinés à prévenir une maladie
anamnèse | un recueil de l'histoire de la maladie auprès du patient
étiologie | une étude des causes d'une maladie
pronostic | une prévision de l'évolution d'une maladie
comorbidité | une maladie associée à l'affection principale
observance | un respect du traitement par le patient
"""

# operation | what it is for | steps, in order
OPERATIONS = """
appendicectomie par cœlioscopie | appendicite aiguë | introduction d'un trocart ombilical et de deux trocarts opérateurs; exploration de la cavité péritonéale; coagulation et section du méso-appendice; ligature de la base appendiculaire; extraction de la pièce dans un sac; lavage péritonéal au sérum tiède
cholécystectomie par cœlioscopie | cholécystite aiguë | création du pneumopéritoine; dissection du triangle de Calot; contrôle de la voie biliaire par cholangiographie; clippage de l'artère et du canal cystique; décollement de la vésicule de son lit hépatique; vérification de l'hémostase
cure de hernie inguinale | hernie inguinale | incision inguinale oblique; ouverture de l'aponévrose du muscle oblique externe; dissection du cordon et du sac herniaire; réduction du contenu; mise en place d'une prothèse de polypropylène; fermeture plan par plan
colectomie gauche | cancer du côlon | laparotomie médiane; exploration hépatique et péritonéale; ligature de l'artère mésentérique inférieure; mobilisation de l'angle colique gauche; résection emportant la tumeur avec des marges saines; anastomose mécanique colorectale; drainage du cul-de-sac de Douglas
prothèse totale de hanche | coxarthrose | installation en décubitus latéral; voie d'abord postérieure; luxation de la tête fémorale; section du col; fraisage du cotyle et impaction de la cupule; préparation du fût fémoral; mise en place de la tige; essais de stabilité
prothèse totale de genou | gonarthrose | incision antérieure médiane; arthrotomie parapatellaire; résection des surfaces articulaires usées; coupe tibiale perpendiculaire à l'axe mécanique; équilibrage ligamentaire; scellement des implants; fermeture sur drain aspiratif
ostéosynthèse du fémur | fracture du col du fémur | installation sur table orthopédique; réduction sous contrôle radioscopique; voie d'abord latérale; vissage cervical; contrôle de face et de profil; fermeture cutanée par agrafes
discectomie lombaire | hernie discale | installation en position genupectorale; repérage radioscopique de l'étage; ouverture du ligament jaune; refoulement de la racine; ablation du fragment discal exclu; vérification de la liberté de la racine
phacoémulsification | cataracte | anesthésie topique; incision cornéenne de 2,2 mm; réalisation du capsulorhexis; fragmentation du noyau par ultrasons; aspiration des masses corticales; injection de l'implant dans le sac capsulaire
thyroïdectomie totale | hyperthyroïdie | cervicotomie transversale; repérage des nerfs récurrents; identification des glandes parathyroïdes; ligature des pédicules vasculaires; ablation des deux lobes; hémostase soigneuse
tumorectomie mammaire | cancer du sein | repérage isotopique du ganglion sentinelle; incision arciforme; exérèse de la tumeur avec une collerette de tissu sain; orientation de la pièce; radiographie de la pièce opératoire; remodelage glandulaire
prostatectomie radicale | cancer de la prostate | mise en place des trocarts; ouverture de l'espace de Retzius; dissection des bandelettes vasculonerveuses; section du col vésical; ablation de la prostate et des vésicules séminales; anastomose urétrovésicale sur sonde
résection endoscopique de la prostate | hypertrophie bénigne de la prostate | introduction du résecteur; repérage du veru montanum; résection du lobe médian puis des lobes latéraux; évacuation des copeaux; hémostase; pose d'une sonde à double courant
angioplastie coronaire | infarctus du myocarde | ponction de l'artère radiale droite; opacification des coronaires; franchissement de l'occlusion par un guide; dilatation au ballon; déploiement d'un stent actif; contrôle angiographique satisfaisant
pontage fémoropoplité | artériopathie des membres inférieurs | abord du trépied fémoral; prélèvement de la veine saphène; abord de l'artère poplitée; tunnellisation; anastomoses proximale et distale; contrôle du flux au Doppler
remplacement valvulaire aortique | sténose aortique | sternotomie médiane; mise en place de la circulation extracorporelle; clampage de l'aorte; ablation de la valve calcifiée; mise en place de la bioprothèse; sevrage de la circulation extracorporelle
lobectomie supérieure droite | cancer bronchique | thoracotomie latérale; exploration de la cavité pleurale; dissection des éléments du hile; section des vaisseaux lobaires; agrafage de la bronche; curage ganglionnaire; pose de deux drains
césarienne | prééclampsie | incision de Pfannenstiel; ouverture du péritoine; hystérotomie segmentaire transversale; extraction de l'enfant en présentation céphalique; délivrance dirigée; révision utérine; suture utérine en deux plans
myomectomie | fibrome utérin | cœlioscopie exploratrice; injection de vasopressine; incision du myomètre; énucléation du myome; suture du lit d'énucléation; morcellement protégé de la pièce
urétéroscopie souple | lithiase urinaire | montée d'un fil guide; introduction de l'urétéroscope; repérage du calcul; fragmentation au laser; extraction des fragments; pose d'une sonde urétérale
exérèse élargie d'une lésion cutanée | mélanome | dessin des marges à la peau; anesthésie locale; incision en fuseau; exérèse jusqu'au fascia; orientation de la pièce par un fil; fermeture en deux plans
drainage thoracique | pneumothorax spontané | repérage du quatrième espace intercostal; anesthésie locale; incision cutanée; introduction du drain; mise en aspiration douce; contrôle radiographique
"""

TOWNSPEOPLE = """
agriculteur/agricultrice; instituteur/institutrice; infirmier/infirmière; boulanger/boulangère; ouvrier/ouvrière du bâtiment; secrétaire/secrétaire; étudiant/étudiante; chauffeur routier/conductrice de bus
coiffeur/coiffeuse; menuisier/couturière; comptable/comptable; cuisinier/cuisinière; informaticien/informaticienne; aide-soignant/aide-soignante; commerçant/commerçante; jardinier/fleuriste; facteur/factrice
maçon/caissière; éducateur/éducatrice; pompier/pharmacienne; vendeur/vendeuse; musicien/musicienne; bibliothécaire/bibliothécaire; ingénieur/ingénieure; viticulteur/viticultrice; pêcheur/ostréicultrice
""".replace("\n", ";")

# Diseases of the second half of life.
LATE = """
coxarthrose; gonarthrose; ostéoporose; fracture du col du fémur; cataracte; maladie de Parkinson; sténose aortique; myélome multiple; insuffisance cardiaque
bronchopneumopathie chronique obstructive; cancer bronchique; cancer du côlon; accident vasculaire cérébral; artériopathie des membres inférieurs; zona
""".replace("\n", ";")

# Gender and number come from a noun's first word: from its ending, unless it stands here.
MASCULINE = "foie ganglion malaise"

FEMININE = """
TSH acné aide amygdale anamnèse angoisse artère atteinte aura autogreffe autre baisse barre biopsie-exérèse bouche bronche bronchiole brèche canne
capsule cataracte charge cheville cholestase chute cicatrice cloque covid-19 crampe croûte crème cytolyse diurèse douche douleur décharge défense
démangeaison dépense entorse entéro-IRM escarre exérèse fatigue fausse fistule fièvre fonte froideur fébricule gangrène gorge goutte greffe grippe
gymnastique gélule gêne hanche humeur hygiène hématémèse hémodialyse jambe lenteur lithiase lombosciatique lévodopa maigreur main marche masse
miliaire mort moustiquaire mydriase méninge ménopause métastase nitrofurantoïne oreille orthèse ostéosynthèse papule paracentèse paroi patiente peau
perte pesanteur phlyctène plaque plèvre poudre première prostate prothèse pâleur raideur recherche rechute roue rougeole rougeur règle récidive saison
soif sueur surcharge surface syncope technique thyroïde toux transaminase trousse tumeur urticaire valve varice vésicule école électrophorèse
épistaxis épreinte épreuve
"""

# Words in -s or -x that are not plurals.
SINGULAR_IN_S = """
abcès abus acanthosis accès discours décès excès frottis infarctus lupus mauvais myosis nystagmus oropharynx os pancréas pharynx pneumothorax poids
pouls propos psoriasis psoïtis pus pyrosis rachis reflux repas repos sinus stress surpoids tacrolimus tophus toux utérus épistaxis
"""

# Words whose h forbids elision.
ASPIRATED_H = "halo handicap hanche hernie"
