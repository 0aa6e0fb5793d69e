"""Writes data/classification.json with scikit-learn: what its metrics make of predictions and labels; takes `--check` as generate.py does."""

import numpy as np
import sklearn
from sklearn import metrics

from generate import main, numbers

BINS = 20


def case(name, scores, y, k):
    """`scores` [samples][classes]: float32 without ties; `y` labels."""
    classes = scores.shape[1]
    predicted, labels = scores.argmax(axis=1), list(range(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    average = "binary" if classes == 2 else "macro"
    means = metrics.precision_recall_fscore_support(y, predicted, average=average, zero_division=0)
    return {
        "name": name,
        "classes": classes,
        "scores": numbers(scores.astype(np.float32)),
        "y": y.tolist(),
        "confusionMatrix": metrics.confusion_matrix(y, predicted, labels=labels).tolist(),
        "byClass": [
            {"precision": p, "recall": r, "f1": f, "samples": s}
            for p, r, f, s in zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist())
        ],
        "precision": float(means[0]),
        "recall": float(means[1]),
        "f1": float(means[2]),
        "k": k,
        "topK": float(metrics.top_k_accuracy_score(y, scores if classes > 2 else scores[:, 1], k=k, labels=labels)),
    }


def area(random):
    """Probabilities in the middle of the bins of `auc({ bins: 20 })`, so that two in one bin are equal."""
    places = random.randint(0, BINS, 80)
    probabilities = (places + 0.5) / BINS
    y = (random.uniform(size=80) < probabilities).astype(int)
    logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
    return {"bins": BINS, "logits": numbers(logits), "y": y.tolist(), "auc": float(metrics.roc_auc_score(y, places))}


def classification():
    random = np.random.RandomState(41)

    def drawn(classes, samples, towards):
        y = random.randint(0, classes, samples)
        return random.standard_normal((samples, classes)).astype(np.float32) + towards * np.eye(classes)[y], y

    five = case("five", *drawn(5, 60, 1.0), 2)
    two = case("two", *drawn(2, 40, 0.7), 1)
    # Of four classes one is never predicted, and another never occurs.
    scores, y = drawn(4, 40, 1.0)
    scores[:, 3] -= 20
    lacking = case("lacking", scores, np.where(y == 2, 0, y), 3)
    return {"sklearn": sklearn.__version__, "cases": [five, two, lacking], "area": area(random)}


if __name__ == "__main__":
    main({"classification.json": classification})
