"""AdamW that touches the rows of a step only, against torch's, which touches all."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import embedding

from attnclf.training.optimizer import FADED, DeferredAdamW

ROWS, DIM = 12, 3


def steps(seed, count):
    """Yield ids (batch, time), a gradient (batch, time, dim) and a learning rate for each step.

    Few rows are common. No part of a gradient is so small that ε, which is taken as it was, makes up its step.
    """
    generator = torch.Generator().manual_seed(seed)
    common = torch.rand(ROWS, generator=generator) ** 6 + 1e-3
    for number in range(count):
        ids = torch.multinomial(common, 4, replacement=True, generator=generator).view(2, 2)
        direction = torch.randn(2, 2, DIM, generator=generator)
        gradient = 10 ** (-2 * torch.rand(1, generator=generator)) * (direction + 0.1 * direction.sign())
        yield ids, gradient, 0.01 * (1 - number / count)


def start(seed=0):
    return torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(seed))


def whole(moves, clip=1.0):
    """Return the table after these steps as torch learns it, every row at every step."""
    table = torch.nn.Parameter(start())
    optimizer = torch.optim.AdamW([table], weight_decay=0.0)
    for ids, gradient, learning_rate in moves:
        optimizer.param_groups[0]["lr"] = learning_rate
        optimizer.zero_grad()
        embedding(ids, table, padding_idx=0).backward(gradient)
        torch.nn.utils.clip_grad_norm_([table], clip)
        optimizer.step()
    return table.detach()


def deferred(moves, clip=1.0):
    return learned(DeferredAdamW(start()), moves, clip)


def learned(table, moves, clip=1.0):
    for ids, gradient, learning_rate in moves:
        table.read(ids)
        table.step(gradient, learning_rate, clip)
    return table


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 60), clip=st.sampled_from([0.01, 1.0, 100.0]))
def test_the_table_comes_out_as_if_every_row_had_moved_at_every_step(seed, count, clip):
    moves = list(steps(seed, count))
    table = deferred(moves, clip)
    table.catch_up()
    torch.testing.assert_close(table.table, whole(moves, clip), atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), count=st.integers(2, 60))
def test_what_is_read_is_where_the_row_would_be_by_then(seed, count):
    *moves, (ids, _, _) = steps(seed, count)
    torch.testing.assert_close(deferred(moves).read(ids), whole(moves)[ids], atol=1e-5, rtol=1e-5)


def test_a_row_goes_on_by_its_momentum_in_steps_that_do_not_read_it():
    push = torch.ones(1, 1, DIM)
    table = learned(DeferredAdamW(start()), [(torch.tensor([[1]]), push, 0.01)])
    left = table.table[1].clone()
    learned(table, [(torch.tensor([[2]]), push, 0.01)] * 8)
    assert (left - table.read(torch.tensor([[1]])) > 0.01).all()


def test_a_row_left_alone_for_longer_than_momentum_lasts_has_stopped_where_torch_stops_it():
    often = [(torch.tensor([[1, 2]]), torch.ones(1, 2, DIM), 0.01)] * 3
    seldom = [(torch.tensor([[2, 3]]), torch.ones(1, 2, DIM), 0.01)] * (2 * FADED)
    moves = [*often, *seldom, *often]
    table = deferred(moves)
    table.catch_up()
    torch.testing.assert_close(table.table, whole(moves), atol=2e-5, rtol=1e-5)  # 500 steps, each rounded


def test_settling_between_steps_moves_nothing_more():
    moves = list(steps(0, 30))
    table = DeferredAdamW(start())
    for move in moves:
        learned(table, [move]).catch_up()
        settled = table.table.clone()
        table.catch_up()
        assert torch.equal(table.table, settled)
    torch.testing.assert_close(table.table, whole(moves), atol=1e-5, rtol=1e-5)


def test_padding_stays_as_it_is():
    table = learned(DeferredAdamW(start()), [(torch.tensor([[0, 1]]), torch.ones(1, 2, DIM), 0.1)])
    table.catch_up()
    assert torch.equal(table.table[0], start()[0])
    assert not torch.equal(table.table[1], start()[1])


def test_what_goes_on_from_a_state_ends_bit_for_bit_as_what_never_stopped():
    moves = list(steps(3, 40))
    first, second = (DeferredAdamW(start()) for _ in range(2))
    learned(first, moves[:17])
    second.table.copy_(first.table)
    second.load_state_dict(first.state_dict())
    for table in (first, second):
        learned(table, moves[17:]).catch_up()
    assert torch.equal(second.table, first.table)


def test_it_learns_for_as_long_as_it_is_asked_to():
    """What is kept for each step grows with them; nothing is laid out for steps that may never come."""
    moves = list(steps(1, 1100))
    table = DeferredAdamW(start())
    before = len(table.moved)
    learned(table, moves).catch_up()
    assert before < 1100 < len(table.moved)
    torch.testing.assert_close(table.table, whole(moves), atol=1e-4, rtol=1e-4)
