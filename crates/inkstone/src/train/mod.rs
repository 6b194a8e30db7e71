//! Fitting parameters to the training part, watched by the validation part. The test part cannot be reached from here.
