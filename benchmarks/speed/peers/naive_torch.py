"""The network as tutorials write it in torch: a DataLoader that shuffles, packed sequences, Adam one tensor at a time.

Rows of any length share a batch, are padded to its longest and packed without being sorted; the gradient of the
embedding is dense. Widths, dropout, batch size and learning rate are attnclf's.
"""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from benchmarks.speed.peers.rows import DIM, DROPOUT, EMBEDDING_DROPOUT, HIDDEN, Rows, Training

Batch = tuple[Tensor, Tensor, Tensor]


class Classifier(nn.Module):
    """ids → Embedding → BiLSTM → tanh(w·h + b) → softmax over real steps → weighted sum → Dense."""

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, DIM, padding_idx=0)
        self.embedding_dropout = nn.Dropout(EMBEDDING_DROPOUT)
        self.lstm = nn.LSTM(DIM, HIDDEN, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * HIDDEN, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.dense = nn.Linear(2 * HIDDEN, classes)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return logits (batch, classes) of ids (batch, time)."""
        vectors = self.embedding_dropout(self.embedding(ids))
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores = torch.tanh(self.score(states)).squeeze(-1).masked_fill(ids == 0, float("-inf"))
        context = (torch.softmax(scores, dim=1).unsqueeze(-1) * states).sum(dim=1)
        return self.dense(self.dropout(context))


def collate(rows: list[tuple[Tensor, int]]) -> Batch:
    """Return padded ids (batch, time), lengths and labels."""
    texts, labels = zip(*rows, strict=True)
    lengths = torch.tensor([len(text) for text in texts])
    return pad_sequence(list(texts), batch_first=True), lengths, torch.tensor(labels)


def prepare(file: Path) -> Callable[[], Training]:
    """Return what trains the network for one more epoch."""
    rows = Rows.load(file)
    data = list(zip(map(torch.from_numpy, rows.texts()), rows.labels.tolist(), strict=True))
    loader = DataLoader(data, batch_size=rows.batch_size, shuffle=True, collate_fn=collate)
    torch.manual_seed(0)
    network = Classifier(rows.vocabulary, rows.classes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rows.learning_rate)
    criterion = nn.CrossEntropyLoss()

    def epoch() -> Training:
        started = time.perf_counter()
        for ids, lengths, labels in loader:
            optimizer.zero_grad()
            loss = criterion(network(ids, lengths), labels)
            loss.backward()
            optimizer.step()
        return Training(len(rows.ids), time.perf_counter() - started)

    return epoch
