"""The network as the question-and-answer threads write it in Keras, on whichever backend KERAS_BACKEND names.

`pad_sequences` pads every text to the longest one, in front, as is its default. Widths, dropout, batch size and
learning rate are attnclf's.
"""

import time
from collections.abc import Callable
from pathlib import Path

import keras
from keras import layers

from benchmarks.speed.peers.rows import DIM, DROPOUT, EMBEDDING_DROPOUT, HIDDEN, Rows, Training


def classifier(vocabulary: int, classes: int, time_steps: int) -> keras.Model:
    """Return Embedding → Bidirectional(LSTM) → Dense(1, tanh) → softmax over time → weighted sum → Dense softmax."""
    ids = keras.Input((time_steps,), dtype="int32")
    vectors = layers.Dropout(EMBEDDING_DROPOUT)(layers.Embedding(vocabulary, DIM)(ids))
    states = layers.Bidirectional(layers.LSTM(HIDDEN, return_sequences=True))(vectors)
    scores = layers.Flatten()(layers.Dense(1, activation="tanh")(states))
    weights = layers.Activation("softmax")(scores)
    context = layers.Dot(axes=1)([weights, states])
    return keras.Model(ids, layers.Dense(classes, activation="softmax")(layers.Dropout(DROPOUT)(context)))


def prepare(file: Path) -> Callable[[], Training]:
    """Return what trains the network for one more epoch."""
    rows = Rows.load(file)
    keras.utils.set_random_seed(0)
    texts = keras.utils.pad_sequences(rows.texts())
    model = classifier(rows.vocabulary, rows.classes, texts.shape[1])
    model.compile(keras.optimizers.AdamW(rows.learning_rate), loss="sparse_categorical_crossentropy")

    def epoch() -> Training:
        started = time.perf_counter()
        model.fit(texts, rows.labels, batch_size=rows.batch_size, epochs=1, verbose=0)
        return Training(len(rows.ids), time.perf_counter() - started)

    return epoch
