//! Measures of a classifier: definitions first, equal to scikit-learn.
