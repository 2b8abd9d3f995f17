"""The estimator does what scikit-learn asks of a classifier; its input is text."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator
from sklearn.utils.validation import validate_data
from support import shapes_unchecked

import attnclf
from attnclf import AttnclfClassifier

# A small network, which is exported fast.
SETTINGS = {"model": {"architecture": "feed-forward", "embedding": {"dim": 8}, "ngrams": {"features": 0}}}
X = [f"{word} {number}" for number in range(12) for word in ("invoice charged refund", "parcel late courier")]
Y = np.array([7, 3] * 12)

pytestmark = pytest.mark.usefixtures("exporting")


def estimator(kind=AttnclfClassifier, **others):
    return kind(**{"preset": "fast", "settings": SETTINGS, "epochs": 8, "device": "cpu", **others})


@pytest.fixture(scope="module")
def fitted():
    with shapes_unchecked():
        return estimator().fit(X, Y)


def test_labels_come_back_in_the_type_of_y(fitted):
    assert fitted.classes_.tolist() == [3, 7]
    assert fitted.predict(X).dtype == Y.dtype
    assert fitted.score(X, Y) > 0.9
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (24, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=1) == 1, fitted.predict(X) == 7)
    assert fitted.classifier_.explain(X[:1])[0].label == "7"


def test_the_model_is_in_the_pickle(tmp_path):
    model = estimator(epochs=1).fit(X, Y)
    expected = model.predict_proba(X)
    content, path = pickle.dumps(model), tmp_path / "model.joblib"
    joblib.dump(model, path)
    del model  # and its folder
    for copy in (pickle.loads(content), joblib.load(path)):
        np.testing.assert_array_equal(copy.predict_proba(X), expected)


def test_an_indicator_matrix_gives_one():
    y = np.zeros((24, 3), dtype=int)
    y[:, 0], y[:, 1] = Y == 3, Y == 7
    model = estimator(epochs=1).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict(X).shape == model.predict_proba(X).shape == (24, 3)
    assert not model.predict_proba(X)[:, 2].any()


def test_a_text_of_weight_0_is_as_good_as_left_out(fitted):
    weights = np.repeat([1.0, 0.0], [24, 6])
    model = estimator().fit([*X, *X[:6]], np.append(Y, 10 - Y[:6]), sample_weight=weights)
    np.testing.assert_allclose(model.predict_proba(X), fitted.predict_proba(X), atol=1e-5)


def test_it_works_in_pipelines_and_searches():
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [text.upper() for text in texts]), estimator())
    assert cross_val_score(pipeline, X, Y, cv=2).min() > 0.9
    search = GridSearchCV(estimator(), {"epochs": [1]}, cv=2).fit(X, np.where(Y == 3, "late", "money"))
    assert set(search.predict(X)) <= {"late", "money"}
    assert clone(search.best_estimator_).get_params()["epochs"] == 1


@pytest.mark.parametrize(
    ("x", "y", "weights", "error", "words"),
    [
        (X, Y[1:], None, ValueError, "inconsistent numbers of samples"),
        (X, Y == 0, None, ValueError, "one class only"),
        (X, Y, Y == 3, ValueError, "one class only"),
        (X, [" a", "a"] * 12, None, ValueError, "differ only in spaces or type"),
        (X, ["", "a"] * 12, None, ValueError, "the label is missing"),
        (X, Y, -Y, ValueError, "Negative values in data passed to `sample_weight`"),
        (np.zeros((24, 2)), Y, None, TypeError, "not a string"),
        ("text", Y, None, TypeError, "texts is one string"),
        (X[:2], Y[:2], None, attnclf.AttnclfError, "too few to learn from"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(x, y, weights, error, words):
    with pytest.raises(error, match=words):
        estimator().fit(x, y, sample_weight=weights)


def test_before_fit_it_says_so():
    with pytest.raises(NotFittedError):
        estimator().predict(X)


class Numeric(AttnclfClassifier):
    """The estimator for the checks of scikit-learn, whose X has numbers: a row becomes a text, two words a number."""

    def texts(self, x, **how):
        if isinstance(x, list) and isinstance(x[0], str):
            return x
        rows = validate_data(self, x, dtype=float, **how)
        return [" ".join(f"{at}_{value:.0f} {at}_{value:.2f}" for at, value in enumerate(row)) for row in rows]

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        return super().fit(self.texts(X, ensure_min_samples=2), y, sample_weight)

    def predict(self, X):  # noqa: N803
        return super().predict(self.texts(X, reset=False))

    def predict_proba(self, X):  # noqa: N803
        return super().predict_proba(self.texts(X, reset=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = False, True
        return tags


EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "ten rows are the minimum, and a row twice may be in both splits"
}
# Those that train nothing, or show most by one training.
FAST = """
    estimator_cloneable estimator_tags_renamed valid_tag_types estimator_repr no_attributes_set_in_init
    estimators_unfitted do_not_raise_errors_in_init_or_set_params mixin_order all_zero_sample_weights_error
    complex_data estimators_empty_data_messages estimator_sparse_tag estimator_sparse_array estimator_sparse_matrix
    classifiers_one_label classifiers_one_label_sample_weights estimators_partial_fit_n_features
    classifiers_regression_target supervised_y_no_nan non_transformer_estimators_n_iter decision_proba_consistency
    parameters_default_constructible fit2d_1sample get_params_invariance set_params fit1d requires_y_none
    dict_unchanged methods_subset_invariance
"""


def checks():
    for model, check in estimator_checks_generator(estimator(Numeric), mark=None):
        name = check.func.__name__
        marks = [] if name.removeprefix("check_") in FAST.split() else [pytest.mark.long]
        if name in EXPECTED:
            marks.append(pytest.mark.xfail(reason=EXPECTED[name], strict=True))
        yield pytest.param(model, check, marks=marks, id=" ".join(map(str, [name, *check.keywords.values()])))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "check"), list(checks()))
def test_a_check_of_scikit_learn(model, check):
    check(model)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_runs_few_checks_where_x_is_text_and_they_pass():
    results = check_estimator(estimator(), on_fail=None)
    assert [result["check_name"] for result in results if result["status"] == "passed"]
    assert [(result["check_name"], result["exception"]) for result in results if result["status"] == "failed"] == []
