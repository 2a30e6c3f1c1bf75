"""The types that an artefact may hold. None of them runs code of its own making when it is built or asked."""

_SKLEARN = (
    "calibration.CalibratedClassifierCV",
    "calibration._CalibratedClassifier",
    "calibration._SigmoidCalibration",
    "calibration._TemperatureScaling",
    "compose._column_transformer.ColumnTransformer",
    "decomposition._truncated_svd.TruncatedSVD",
    "dummy.DummyClassifier",
    "ensemble._hist_gradient_boosting.binning._BinMapper",
    "ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "ensemble._voting.VotingClassifier",
    "feature_extraction.text.CountVectorizer",
    "feature_extraction.text.HashingVectorizer",
    "feature_extraction.text.TfidfTransformer",
    "feature_extraction.text.TfidfVectorizer",
    "feature_selection._variance_threshold.VarianceThreshold",
    "impute._base.MissingIndicator",
    "impute._base.SimpleImputer",
    "isotonic.IsotonicRegression",
    "linear_model._logistic.LogisticRegression",
    "linear_model._stochastic_gradient.SGDClassifier",
    "naive_bayes.BernoulliNB",
    "naive_bayes.ComplementNB",
    "naive_bayes.GaussianNB",
    "naive_bayes.MultinomialNB",
    "pipeline.FeatureUnion",
    "pipeline.Pipeline",
    "preprocessing._data.MaxAbsScaler",
    "preprocessing._data.MinMaxScaler",
    "preprocessing._data.StandardScaler",
    "preprocessing._discretization.KBinsDiscretizer",
    "preprocessing._encoders.OneHotEncoder",
    "preprocessing._encoders.OrdinalEncoder",
    # What "passthrough" becomes; one with a function is refused, because functions have a node of their own.
    "preprocessing._function_transformer.FunctionTransformer",
    "preprocessing._label.LabelBinarizer",
    "preprocessing._label.LabelEncoder",
    "preprocessing._target_encoder.TargetEncoder",
    "utils._bunch.Bunch",
    "_loss._loss.CyHalfBinomialLoss",
    "_loss._loss.CyHalfMultinomialLoss",
    "_loss.link.Interval",
    "_loss.link.LogitLink",
    "_loss.link.MultinomialLogit",
    "_loss.loss.HalfBinomialLoss",
    "_loss.loss.HalfMultinomialLoss",
)
_PLATFORM = (
    "blending.Blend",
    "blending.DenseBlock",
    "calibrating.CalibratedModel",
    "numbers.KnownNumbers",
    "rates.SmoothedRates",
    "words.Tokens",
    "words.WordWeights",
)
_NUMPY = (
    "bool", "bool_", "dtype", "float32", "float64", "int32", "int64", "ndarray", "str_", "uint8", "uint32", "uint64",
)  # fmt: skip
_PLAIN = ("bool", "dict", "float", "int", "list", "set", "slice", "str", "tuple")

ALLOWED_TYPES: frozenset[str] = frozenset(
    {
        *(f"sklearn.{name}" for name in _SKLEARN),
        *(f"orchestrator_platform.learning.models.{name}" for name in _PLATFORM),
        *(f"numpy.{name}" for name in _NUMPY),
        *(f"builtins.{name}" for name in _PLAIN),
        "numpy.random._generator.Generator",
        "numpy.random.mtrand.RandomState",
        "scipy.sparse._csr.csr_matrix",
        "scipy.sparse._csr.csr_array",
    }
)

# How the parts of an artefact may be built: by name and plain state only. Functions, methods, and calls with arguments
# of the file's choosing have nodes of other names. A tree's type is on no list here, as its state is followed unseen.
ALLOWED_NODES: frozenset[str] = frozenset(
    {
        "DictNode",
        "JsonNode",
        "ListNode",
        "NdArrayNode",
        "ObjectNode",
        "SetNode",
        "SliceNode",
        "SparseMatrixNode",
        "TupleNode",
        "TypeNode",
        "DTypeNode",
        "ReduceNode",
        "LossNode",
        "TreeNode",
        "RandomGeneratorNode",
        "RandomStateNode",
    }
)
