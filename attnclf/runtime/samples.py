"""Texts made for a model that nobody has given any: in its language, as long as what it learned from."""

import random
from collections.abc import Sequence

from attnclf.runtime.classifier import Classifier
from attnclf.text.numbers import NumberReader
from attnclf.text.ragged import UNKNOWN_ID
from attnclf.text.tokenizer import Tokenizer

TYPICAL = 20  # tokens of a text, for models whose folder does not have the mean

SENTENCES = {
    "English": (
        "The train left ten minutes early and nobody at the station had been told .",
        "Who wrote the first book about the history of the city ?",
        "I have been waiting for my order since Monday , please tell me where it is .",
        "A slow film with two good actors and a weak story .",
        "How many people live in the north of the country ?",
        "The new version does not start after the update and shows an error .",
        "We paid the bill twice and would like to have the money back .",
        "The company said on Friday that profits rose by five percent last year .",
        "What is the name of the river that runs through the capital ?",
        "It was the best evening we have had in a long time , thank you very much .",
        "My card was declined although there is enough money in the account .",
        "The second half of the game was better than the first , but not by much .",
        "Can you change the address of the delivery before it is sent ?",
        "Scientists found water under the ice of a small moon .",
        "He plays the old man with so much warmth that the ending hurts .",
        "When did the war begin and which side asked for peace ?",
    ),
    "Russian": (
        "Поезд ушёл на десять минут раньше , и никто на вокзале об этом не знал .",
        "Кто написал первую книгу об истории этого города ?",
        "Я жду свой заказ с понедельника , скажите , пожалуйста , где он .",
        "Медленный фильм с двумя хорошими актёрами и слабой историей .",
        "Сколько людей живёт на севере страны ?",
        "Новая версия не запускается после обновления и показывает ошибку .",
        "Мы оплатили счёт дважды и хотим вернуть деньги .",
        "Компания сообщила в пятницу , что прибыль выросла за год на пять процентов .",
        "Как называется река , которая течёт через столицу ?",
        "Это был лучший вечер за долгое время , большое спасибо .",
        "В подъезде нет света уже третий день , когда его починят ?",
        "Вторая половина игры была лучше первой , но ненамного .",
        "Можно изменить адрес доставки , пока посылку не отправили ?",
        "Учёные нашли воду под льдом небольшого спутника .",
        "Очень грустно и страшно , не знаю , что теперь делать .",
        "Когда началась война и какая сторона попросила мира ?",
    ),
    "Chinese": (
        "火车提前十分钟开走了,车站里没有人知道。",
        "第一本关于这座城市历史的书是谁写的?",
        "我从星期一开始等我的订单,请告诉我现在在哪里。",
        "电影很慢,两个演员不错,故事很弱。",
        "这个国家的北方有多少人口?",
        "新版本更新以后不能启动,还显示错误。",
        "我们付了两次钱,希望能退款。",
        "公司星期五表示,去年利润增长百分之五。",
        "流过首都的那条河叫什么名字?",
        "这是很久以来最好的一个晚上,非常感谢。",
        "酒店的房间很干净,服务也好,下次还会来。",
        "比赛下半场比上半场好,但是好得不多。",
        "发货以前可以更改送货地址吗?",
        "科学家在一颗小卫星的冰下发现了水。",
        "手机用了两天就坏了,质量太差,不推荐购买。",
        "战争是什么时候开始的,哪一方要求和平?",
    ),
}


def made_for(classifier: Classifier, count: int) -> list[str]:
    """Return texts in the language whose words the model knows best; their mean length is that of its training rows.

    They are built-in sentences, joined and cut; the same for the same model. Lengths are spread evenly, from one token
    to twice the mean. For a model of numeric columns they are rows of numbers.
    """
    tokenizer = classifier.tokenizer
    if isinstance(tokenizer, NumberReader):
        chooser = random.Random(0)
        return [", ".join(f"{name}={chooser.gauss(0, 1):.3f}" for name in tokenizer.tokens) for _ in range(count)]
    mean = round(classifier.bundle.manifest["training"].get("units", TYPICAL))
    sentences = max(SENTENCES.values(), key=lambda texts: _known(tokenizer, texts))
    chooser = random.Random(0)
    return [_cut(tokenizer, sentences, chooser, length=chooser.randint(1, 2 * mean - 1)) for _ in range(count)]


def _cut(tokenizer: Tokenizer, sentences: Sequence[str], chooser: random.Random, *, length: int) -> str:
    text = chooser.choice(sentences)
    pieces = tokenizer.pieces(text)
    while len(pieces) < length:
        text = f"{text} {chooser.choice(sentences)}"
        pieces = tokenizer.pieces(text)
    first = chooser.randint(0, len(pieces) - length)
    return text[pieces[first].start : pieces[first + length - 1].end]


def _known(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Return the share of the tokens that the model knows."""
    ids: list[int] = [token for row in tokenizer.encode(texts) for token in row.tolist()]
    return sum(token != UNKNOWN_ID for token in ids) / len(ids)
