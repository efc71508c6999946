"""What the built-in instruments ask in fixed words, one table for all languages: the rest comes from the plan.

Wordings follow the questionnaires of the methods' sources and their usual translations: Kano's answers Berger et al.
(1993) and, in German, Bailom et al. (1996); the four prices van Westendorp (1976); recommendation Reichheld (2003);
disappointment Ellis. Answers are kept as codes and never in these words.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketfit.records.questionnaire import Language


@dataclass(frozen=True)
class InstrumentTexts:
    """All fixed texts of the instruments in one language; `{…}` is filled in.

    kano_answers: in the order of `kano.ANSWERS`. fits_answers: yes, no. prices: too cheap, cheap, expensive, too
    expensive. chances: at the cheap and at the expensive price. disappointed_answers: very, somewhat, not.
    """

    background_title: str
    choice_title: str
    choice_question: str
    codings_title: str
    codings_question: str
    competitors_title: str
    competitors_question: str
    competitors_name: str
    importance_title: str
    importance: str  # {scale}
    performance: str  # {scale}
    interviews_title: str
    your_answer: str
    kano_title: str
    kano_with: str
    kano_without: str
    kano_answers: tuple[str, str, str, str, str]
    maxdiff_title: str
    maxdiff_question: str
    maxdiff_best: str
    maxdiff_worst: str
    opinions_title: str
    perceptions_title: str
    fits: str  # {attribute}, {offer}
    fits_answers: tuple[str, str]
    fits_how_well: str  # {attribute}, {offer}
    fits_scale: str  # {scale}
    prices_title: str
    prices_question: str  # {product}
    prices: tuple[str, str, str, str]
    price_in_unit: str  # {question}, {unit}
    chances: tuple[str, str]
    satisfaction_title: str
    satisfaction_question: str  # {product}
    recommend: str  # {product}
    satisfied: str  # {product}, {scale}
    disappointed: str  # {product}
    disappointed_answers: tuple[str, str, str]


ENGLISH = InstrumentTexts(
    background_title="About you",
    choice_title="Choice survey",
    choice_question="Which of these would you choose?",
    codings_title="Coding",
    codings_question="Which code fits?",
    competitors_title="Competitors",
    competitors_question="What does this competitor offer?",
    competitors_name="Name of the offer",
    importance_title="What matters, and how well is it done?",
    importance="How important is this to you? (1 not at all, {scale} extremely)",
    performance="How well is it done? (1 badly, {scale} very well; leave it empty if you can't say)",
    interviews_title="In your own words",
    your_answer="Your answer",
    kano_title="How would you feel?",
    kano_with="How would you feel if the product had this?",
    kano_without="And if it did not have it?",
    kano_answers=("I like it", "I expect it", "I don't mind", "I can live with it", "I dislike it"),
    maxdiff_title="What matters most, and least?",
    maxdiff_question="Which of these matters most to you, and which least?",
    maxdiff_best="Matters most",
    maxdiff_worst="Matters least",
    opinions_title="Which label fits?",
    perceptions_title="What fits whom?",
    fits="Does “{attribute}” fit {offer}?",
    fits_answers=("Yes", "No"),
    fits_how_well="How well does “{attribute}” fit {offer}?",
    fits_scale="1 not at all, {scale} completely",
    prices_title="Prices",
    prices_question="What should {product} cost?",
    prices=(
        "At what price would it be so cheap that you would doubt its quality?",
        "At what price would it be a bargain, good value for the money?",
        "At what price would it begin to be expensive, so that you would think twice but might still buy it?",
        "At what price would it be too expensive to consider?",
    ),
    price_in_unit="{question} ({unit})",
    chances=(
        "Would you buy it at the price that you called a bargain? (1 definitely not, 5 definitely)",
        "Would you buy it at the price that you called expensive? (1 definitely not, 5 definitely)",
    ),
    satisfaction_title="Satisfaction",
    satisfaction_question="What do you think of {product}?",
    recommend="How likely are you to recommend {product} to a friend? (0 not at all, 10 extremely)",
    satisfied="How satisfied are you with {product}? (1 not at all, {scale} fully)",
    disappointed="How disappointed would you be if you could no longer use {product}?",
    disappointed_answers=("Very disappointed", "Somewhat disappointed", "Not disappointed"),
)

GERMAN = InstrumentTexts(
    background_title="Über Sie",
    choice_title="Auswahl",
    choice_question="Welches dieser Angebote würden Sie wählen?",
    codings_title="Zuordnung",
    codings_question="Welche Kategorie passt?",
    competitors_title="Wettbewerber",
    competitors_question="Was bietet dieser Wettbewerber an?",
    competitors_name="Name des Angebots",
    importance_title="Was ist wichtig, und wie gut ist es gelöst?",
    importance="Wie wichtig ist Ihnen das? (1 gar nicht wichtig, {scale} äußerst wichtig)",
    performance="Wie gut ist es gelöst? (1 schlecht, {scale} sehr gut; frei lassen, wenn Sie es nicht sagen können)",
    interviews_title="In Ihren eigenen Worten",
    your_answer="Ihre Antwort",
    kano_title="Was würden Sie dazu sagen?",
    kano_with="Was würden Sie sagen, wenn das Produkt dies hätte?",
    kano_without="Und wenn es dies nicht hätte?",
    kano_answers=(
        "Das würde mich sehr freuen",
        "Das setze ich voraus",
        "Das ist mir egal",
        "Das nehme ich gerade noch hin",
        "Das würde mich sehr stören",
    ),
    maxdiff_title="Was ist am wichtigsten, was am unwichtigsten?",
    maxdiff_question="Was davon ist Ihnen am wichtigsten, und was am unwichtigsten?",
    maxdiff_best="Am wichtigsten",
    maxdiff_worst="Am unwichtigsten",
    opinions_title="Welche Bezeichnung passt?",
    perceptions_title="Was passt zu wem?",
    fits="Passt „{attribute}“ zu {offer}?",
    fits_answers=("Ja", "Nein"),
    fits_how_well="Wie gut passt „{attribute}“ zu {offer}?",
    fits_scale="1 überhaupt nicht, {scale} voll und ganz",
    prices_title="Preise",
    prices_question="Was sollte {product} kosten?",
    prices=(
        "Bei welchem Preis wäre es so billig, dass Sie an der Qualität zweifeln würden?",
        "Bei welchem Preis wäre es günstig, also sein Geld gut wert?",
        "Ab welchem Preis wäre es teuer, sodass Sie zögern, es aber vielleicht trotzdem kaufen würden?",
        "Ab welchem Preis wäre es so teuer, dass ein Kauf nicht mehr infrage kommt?",
    ),
    price_in_unit="{question} ({unit})",
    chances=(
        "Würden Sie es zu dem Preis kaufen, den Sie günstig genannt haben? (1 bestimmt nicht, 5 bestimmt)",
        "Würden Sie es zu dem Preis kaufen, den Sie teuer genannt haben? (1 bestimmt nicht, 5 bestimmt)",
    ),
    satisfaction_title="Zufriedenheit",
    satisfaction_question="Was halten Sie von {product}?",
    recommend="Wie wahrscheinlich ist es, dass Sie {product} im Freundeskreis weiterempfehlen? "
    "(0 überhaupt nicht wahrscheinlich, 10 äußerst wahrscheinlich)",
    satisfied="Wie zufrieden sind Sie mit {product}? (1 überhaupt nicht, {scale} vollkommen)",
    disappointed="Wie enttäuscht wären Sie, wenn Sie {product} nicht mehr nutzen könnten?",
    disappointed_answers=("Sehr enttäuscht", "Etwas enttäuscht", "Nicht enttäuscht"),
)

FRENCH = InstrumentTexts(
    background_title="À propos de vous",
    choice_title="Vos choix",
    choice_question="Laquelle de ces offres choisiriez-vous ?",
    codings_title="Codage",
    codings_question="Quel code convient ?",
    competitors_title="Concurrents",
    competitors_question="Que propose ce concurrent ?",
    competitors_name="Nom de l’offre",
    importance_title="Qu’est-ce qui compte, et est-ce bien fait ?",
    importance="Est-ce important pour vous ? (1 pas du tout, {scale} extrêmement)",
    performance="Est-ce bien fait ? (1 mal, {scale} très bien ; laissez vide si vous ne savez pas)",
    interviews_title="Avec vos propres mots",
    your_answer="Votre réponse",
    kano_title="Que ressentiriez-vous ?",
    kano_with="Que ressentiriez-vous si le produit avait ceci ?",
    kano_without="Et s’il ne l’avait pas ?",
    kano_answers=("Cela me plaît", "Je m’y attends", "Cela m’est égal", "Je m’en accommode", "Cela me déplaît"),
    maxdiff_title="Qu’est-ce qui compte le plus, et le moins ?",
    maxdiff_question="Qu’est-ce qui compte le plus pour vous, et qu’est-ce qui compte le moins ?",
    maxdiff_best="Compte le plus",
    maxdiff_worst="Compte le moins",
    opinions_title="Quelle étiquette convient ?",
    perceptions_title="Qu’est-ce qui convient à qui ?",
    fits="« {attribute} » : cela convient-il à {offer} ?",
    fits_answers=("Oui", "Non"),
    fits_how_well="« {attribute} » : à quel point cela convient-il à {offer} ?",
    fits_scale="1 pas du tout, {scale} tout à fait",
    prices_title="Prix",
    prices_question="Combien devrait coûter {product} ?",
    prices=(
        "À quel prix serait-ce si bon marché que vous douteriez de la qualité ?",
        "À quel prix serait-ce une bonne affaire, un bon rapport qualité-prix ?",
        "À partir de quel prix serait-ce cher, au point d’hésiter, mais sans exclure l’achat ?",
        "À partir de quel prix serait-ce trop cher pour envisager l’achat ?",
    ),
    price_in_unit="{question} ({unit})",
    chances=(
        "L’achèteriez-vous au prix qui vous semble une bonne affaire ? (1 certainement pas, 5 certainement)",
        "L’achèteriez-vous au prix qui vous semble cher ? (1 certainement pas, 5 certainement)",
    ),
    satisfaction_title="Votre satisfaction",
    satisfaction_question="{product} : qu’en pensez-vous ?",
    recommend="Quelle est la probabilité que vous recommandiez {product} à un ami ? "
    "(0 pas du tout probable, 10 extrêmement probable)",
    satisfied="{product} : dans quelle mesure en êtes-vous satisfait(e) ? (1 pas du tout, {scale} tout à fait)",
    disappointed="À quel point seriez-vous déçu(e) si vous ne pouviez plus utiliser {product} ?",
    disappointed_answers=("Très déçu(e)", "Un peu déçu(e)", "Pas déçu(e)"),
)

SPANISH = InstrumentTexts(
    background_title="Sobre usted",
    choice_title="Elecciones",
    choice_question="¿Cuál de estas ofertas elegiría?",
    codings_title="Codificación",
    codings_question="¿Qué código corresponde?",
    competitors_title="Competidores",
    competitors_question="¿Qué ofrece este competidor?",
    competitors_name="Nombre de la oferta",
    importance_title="¿Qué importa y qué tan bien se hace?",
    importance="¿Qué importancia tiene esto para usted? (1 ninguna, {scale} máxima)",
    performance="¿Cómo se hace? (1 mal, {scale} muy bien; déjelo vacío si no lo sabe)",
    interviews_title="Con sus propias palabras",
    your_answer="Su respuesta",
    kano_title="¿Cómo se sentiría?",
    kano_with="¿Cómo se sentiría si el producto tuviera esto?",
    kano_without="¿Y si no lo tuviera?",
    kano_answers=("Me gusta", "Lo doy por hecho", "Me da igual", "Puedo tolerarlo", "Me disgusta"),
    maxdiff_title="¿Qué importa más y qué importa menos?",
    maxdiff_question="¿Qué le importa más y qué le importa menos?",
    maxdiff_best="Lo que más importa",
    maxdiff_worst="Lo que menos importa",
    opinions_title="¿Qué etiqueta corresponde?",
    perceptions_title="¿Qué encaja con quién?",
    fits="¿Encaja «{attribute}» con {offer}?",
    fits_answers=("Sí", "No"),
    fits_how_well="¿En qué medida encaja «{attribute}» con {offer}?",
    fits_scale="1 nada, {scale} por completo",
    prices_title="Precios",
    prices_question="¿Cuánto debería costar {product}?",
    prices=(
        "¿A qué precio sería tan barato que dudaría de su calidad?",
        "¿A qué precio sería una ganga, con una buena relación calidad-precio?",
        "¿A partir de qué precio empezaría a ser caro, de modo que lo pensaría dos veces, pero aún podría comprarlo?",
        "¿A partir de qué precio sería demasiado caro para considerarlo?",
    ),
    price_in_unit="{question} ({unit})",
    chances=(
        "¿Lo compraría al precio que considera una ganga? (1 seguro que no, 5 seguro que sí)",
        "¿Lo compraría al precio que considera caro? (1 seguro que no, 5 seguro que sí)",
    ),
    satisfaction_title="Satisfacción",
    satisfaction_question="¿Qué opina de {product}?",
    recommend="¿Qué probabilidad hay de que recomiende {product} a un amigo? (0 nada probable, 10 sumamente probable)",
    satisfied="¿Qué tan satisfecho/a está con {product}? (1 nada, {scale} totalmente)",
    disappointed="¿Qué tan decepcionado/a se sentiría si ya no pudiera usar {product}?",
    disappointed_answers=("Muy decepcionado/a", "Algo decepcionado/a", "Nada decepcionado/a"),
)

CHINESE = InstrumentTexts(
    background_title="关于您",
    choice_title="选择调查",
    choice_question="您会选择以下哪一个？",
    codings_title="编码",
    codings_question="哪个编码合适？",
    competitors_title="竞争产品",
    competitors_question="该竞争对手提供什么？",
    competitors_name="产品名称",
    importance_title="哪些方面重要，做得如何？",
    importance="这对您有多重要？（1 完全不重要，{scale} 极其重要）",
    performance="做得如何？（1 很差，{scale} 非常好；不清楚请留空）",
    interviews_title="请用您自己的话回答",
    your_answer="您的回答",
    kano_title="您会有什么感受？",
    kano_with="如果产品具备此功能，您会有什么感受？",
    kano_without="如果产品不具备此功能呢？",
    kano_answers=("我很喜欢", "理应如此", "无所谓", "勉强接受", "我很不喜欢"),
    maxdiff_title="什么最重要，什么最不重要？",
    maxdiff_question="以下各项中，哪一项对您最重要，哪一项最不重要？",
    maxdiff_best="最重要",
    maxdiff_worst="最不重要",
    opinions_title="哪个标签合适？",
    perceptions_title="哪些特点符合哪个产品？",
    fits="“{attribute}”符合{offer}吗？",
    fits_answers=("是", "否"),
    fits_how_well="“{attribute}”在多大程度上符合{offer}？",
    fits_scale="1 完全不符合，{scale} 完全符合",
    prices_title="价格",
    prices_question="您认为{product}应该卖多少钱？",
    prices=(
        "价格低到多少时，您会觉得太便宜而怀疑其质量？",
        "什么价格您会觉得便宜、物有所值？",
        "价格高到多少时，您会觉得有些贵，需要再三考虑，但仍可能购买？",
        "价格高到多少时，您会觉得太贵而不考虑购买？",
    ),
    price_in_unit="{question}（{unit}）",
    chances=(
        "按您认为便宜的价格，您会购买吗？（1 肯定不会，5 肯定会）",
        "按您认为有些贵的价格，您会购买吗？（1 肯定不会，5 肯定会）",
    ),
    satisfaction_title="满意度",
    satisfaction_question="您如何评价{product}？",
    recommend="您有多大可能向朋友推荐{product}？（0 完全不可能，10 极有可能）",
    satisfied="您对{product}有多满意？（1 完全不满意，{scale} 非常满意）",
    disappointed="如果您不能再使用{product}，您会有多失望？",
    disappointed_answers=("非常失望", "有些失望", "不失望"),
)

INSTRUMENT_TEXTS: dict[Language, InstrumentTexts] = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "zh": CHINESE,
}
