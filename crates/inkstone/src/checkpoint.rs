//! One safetensors file with everything that an answer needs: parameters, preprocess, classes, provenance.
