"""The fixed texts of the pages, one table for all languages: what is not here comes from the survey."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
    """All fixed texts in one language. `decimal` is its decimal mark; `{…}` is filled in."""

    start: str
    next: str
    back: str
    question: str  # {number}, {count}
    option: str  # {name}
    none: str
    optional: str
    keep: str
    link: str
    skip: str
    error: str
    errors: str
    missing: str
    unknown: str
    number: str
    whole: str
    between: str  # {low}, {high}
    at_least: str  # {low}
    at_most: str  # {high}
    long: str  # {limit}
    repeated: str
    thanks: str
    change: str
    full: str
    full_why: str
    lost: str
    lost_why: str
    large: str
    large_why: str
    busy: str
    busy_why: str
    decimal: str = "."


ENGLISH = Texts(
    start="Start",
    next="Next",
    back="Back",
    question="Question {number} of {count}",
    option="Option {name}",
    none="None of these",
    optional="optional",
    keep="Your answers are kept. You may close this page and go on later with",
    link="your personal link",
    skip="Skip to the question",
    error="Error",
    errors="Please check your answer",
    missing="Please answer this question",
    unknown="Please choose one of the answers",
    number="Please write a number, such as 12.5, without separators between thousands",
    whole="Please write a whole number, without decimals",
    between="Please write a number from {low} to {high}",
    at_least="Please write a number of at least {low}",
    at_most="Please write a number of at most {high}",
    long="Please write at most {limit} characters",
    repeated="Please choose two different answers",
    thanks="Thank you!",
    change="Look through your answers",
    full="This survey is full",
    full_why="Enough people have answered. Thank you for your interest.",
    lost="This link leads nowhere",
    lost_why="Please check that you have the whole link, or ask whoever sent it to you.",
    large="That was too much",
    large_why="Please go back and write a shorter answer.",
    busy="That did not work",
    busy_why="Nothing of what was kept is lost. Please try again in a moment.",
)

GERMAN = Texts(
    start="Los geht’s",
    next="Weiter",
    back="Zurück",
    question="Frage {number} von {count}",
    option="Angebot {name}",
    none="Nichts davon",
    optional="freiwillig",
    keep="Ihre Antworten sind gespeichert. Sie können diese Seite schließen und später weitermachen über",
    link="Ihren persönlichen Link",
    skip="Zur Frage springen",
    error="Fehler",
    errors="Bitte prüfen Sie Ihre Antwort",
    missing="Bitte beantworten Sie diese Frage",
    unknown="Bitte wählen Sie eine der Antworten",
    number="Bitte schreiben Sie eine Zahl wie 12,5, ohne Zeichen zwischen den Tausendern",
    whole="Bitte schreiben Sie eine ganze Zahl, ohne Nachkommastellen",
    between="Bitte schreiben Sie eine Zahl von {low} bis {high}",
    at_least="Bitte schreiben Sie eine Zahl ab {low}",
    at_most="Bitte schreiben Sie eine Zahl bis {high}",
    long="Bitte schreiben Sie höchstens {limit} Zeichen",
    repeated="Bitte wählen Sie zwei verschiedene Antworten",
    thanks="Vielen Dank!",
    change="Antworten durchsehen",
    full="Diese Umfrage ist voll",
    full_why="Es haben genug Menschen teilgenommen. Danke für Ihr Interesse.",
    lost="Dieser Link führt nirgendwohin",
    lost_why="Bitte prüfen Sie, ob der Link vollständig ist, oder fragen Sie, wer ihn geschickt hat.",
    large="Das war zu viel",
    large_why="Bitte gehen Sie zurück und schreiben Sie eine kürzere Antwort.",
    busy="Das hat nicht geklappt",
    busy_why="Was gespeichert war, ist noch da. Bitte versuchen Sie es gleich noch einmal.",
    decimal=",",
)

FRENCH = Texts(
    start="Commencer",
    next="Suivant",
    back="Retour",
    question="Question {number} sur {count}",
    option="Offre {name}",
    none="Aucune de ces offres",
    optional="facultatif",
    keep="Vos réponses sont enregistrées. Vous pouvez fermer cette page et reprendre plus tard avec",
    link="votre lien personnel",
    skip="Aller à la question",
    error="Erreur",
    errors="Veuillez vérifier votre réponse",
    missing="Veuillez répondre à cette question",
    unknown="Veuillez choisir une des réponses",
    number="Veuillez écrire un nombre, par exemple 12,5, sans séparateur de milliers",
    whole="Veuillez écrire un nombre entier, sans décimales",
    between="Veuillez écrire un nombre de {low} à {high}",
    at_least="Veuillez écrire un nombre d’au moins {low}",
    at_most="Veuillez écrire un nombre d’au plus {high}",
    long="Veuillez écrire au plus {limit} caractères",
    repeated="Veuillez choisir deux réponses différentes",
    thanks="Merci !",
    change="Revoir vos réponses",
    full="Cette enquête est complète",
    full_why="Assez de personnes ont répondu. Merci de votre intérêt.",
    lost="Ce lien ne mène nulle part",
    lost_why="Vérifiez que le lien est complet, ou demandez à la personne qui vous l’a envoyé.",
    large="C’était trop long",
    large_why="Veuillez revenir en arrière et écrire une réponse plus courte.",
    busy="Cela n’a pas fonctionné",
    busy_why="Rien de ce qui était enregistré n’est perdu. Veuillez réessayer dans un instant.",
    decimal=",",
)

SPANISH = Texts(
    start="Empezar",
    next="Siguiente",
    back="Atrás",
    question="Pregunta {number} de {count}",
    option="Oferta {name}",
    none="Ninguna de estas",
    optional="opcional",
    keep="Sus respuestas están guardadas. Puede cerrar esta página y seguir más tarde con",
    link="su enlace personal",
    skip="Ir a la pregunta",
    error="Error",
    errors="Revise su respuesta",
    missing="Responda a esta pregunta",
    unknown="Elija una de las respuestas",
    number="Escriba un número, por ejemplo 12,5, sin separador de miles",
    whole="Escriba un número entero, sin decimales",
    between="Escriba un número de {low} a {high}",
    at_least="Escriba un número de al menos {low}",
    at_most="Escriba un número de como máximo {high}",
    long="Escriba como máximo {limit} caracteres",
    repeated="Elija dos respuestas distintas",
    thanks="¡Gracias!",
    change="Revisar sus respuestas",
    full="Esta encuesta está completa",
    full_why="Ya ha respondido suficiente gente. Gracias por su interés.",
    lost="Este enlace no lleva a ninguna parte",
    lost_why="Compruebe que el enlace está completo o pregunte a quien se lo envió.",
    large="Era demasiado largo",
    large_why="Vuelva atrás y escriba una respuesta más corta.",
    busy="No ha funcionado",
    busy_why="No se ha perdido nada de lo guardado. Inténtelo de nuevo en un momento.",
    decimal=",",
)

CHINESE = Texts(
    start="开始",
    next="下一题",
    back="上一题",
    question="第 {number} 题，共 {count} 题",
    option="方案 {name}",
    none="都不选",
    optional="选填",
    keep="您的回答已保存。您可以关闭此页面，以后通过以下链接继续：",
    link="您的专属链接",
    skip="跳到问题",
    error="错误",
    errors="请检查您的回答",
    missing="请回答此问题",
    unknown="请选择其中一个答案",
    number="请填写数字，例如 12.5，不要使用千位分隔符",
    whole="请填写整数，不要小数",
    between="请填写 {low} 到 {high} 之间的数字",
    at_least="请填写不小于 {low} 的数字",
    at_most="请填写不大于 {high} 的数字",
    long="请最多填写 {limit} 个字符",
    repeated="请选择两个不同的答案",
    thanks="谢谢！",
    change="查看您的回答",
    full="本次调查名额已满",
    full_why="参与人数已足够。感谢您的关注。",
    lost="此链接无效",
    lost_why="请检查链接是否完整，或询问发送链接的人。",
    large="内容过长",
    large_why="请返回并缩短您的回答。",
    busy="操作未成功",
    busy_why="已保存的内容不会丢失。请稍后再试。",
)

LANGUAGES = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH, "zh": CHINESE}


def texts_of(language: str) -> Texts:
    """The texts of a survey's language; English for one that the table lacks."""
    return LANGUAGES.get(language, ENGLISH)
