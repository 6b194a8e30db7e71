//! The corpus of bad files under tests/bad (made by reference/make_bad_files.py): each gives one exact line.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used)] // all of it is tests, helpers included

use std::path::{Path, PathBuf};

use inkstone::data::source::{SourceOptions, open};
use inkstone::data::{folder, idx};
use inkstone::parallel::Pool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Every entry of `folder` must be in `expected`, with the message that `read` gives; paths are cut to below `folder`.
fn check(folder: &str, expected: &[(&str, &str)], read: impl Fn(&Path) -> inkstone::Result<()>) {
    let folder = root().join(folder);
    let mut names: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let found: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let message = read(&folder.join(&name)).map_or_else(|error| error.to_string(), |()| "no error".to_owned());
            (name, message.replace(&format!("{}/", folder.display()), ""))
        })
        .collect();
    let found: Vec<(&str, &str)> = found.iter().map(|(name, message)| (&name[..], &message[..])).collect();
    assert_eq!(found, expected);
    assert!(found.iter().all(|(_, message)| !message.contains('\n')), "one line each");
}

fn open_path(path: &Path) -> inkstone::Result<()> {
    let pool = Pool::new(2)?;
    open(path.to_str().unwrap(), &SourceOptions::default(), &pool).map(|_| ())
}

#[test]
fn every_bad_idx_file_has_its_message() {
    let expected = [
        ("bomb.gz", "bomb.gz: offset 9: expected the end of the file after 1 values of type u8, found more bytes"),
        ("cut-lengths", "cut-lengths: offset 4: expected 12 bytes with the lengths of 3 axes, found 6"),
        ("empty", "empty: offset 0: expected an IDX header, found an empty file"),
        (
            "header-of-100-gb",
            "header-of-100-gb: offset 4: expected at most 4 GiB of values, found 127551×1024×768 values of type \
             u8 (100.3 GB)",
        ),
        (
            "lengths-that-overflow",
            "lengths-that-overflow: offset 4: expected at most 4 GiB of values, found \
             4294967295×4294967295×4294967295×4294967295×… values of type f64",
        ),
        (
            "one-byte-more",
            "one-byte-more: offset 28: expected the end of the file after 3×2×2 values of type u8, found more bytes",
        ),
        ("text", "text: offset 0: expected an IDX file, which starts with 00 00, found text \"<html><body>404\""),
        (
            "three-bytes",
            "three-bytes: offset 0: expected an IDX file, which starts with 00 00, found the bytes 00 00 08",
        ),
        (
            "three-gb-in-30-bytes.gz",
            "three-gb-in-30-bytes.gz: offset 0: expected 3000000000 bytes (3000×1000×1000 values of type u8), \
             found 33 bytes of gzip, which cannot hold that many",
        ),
        (
            "truncated",
            "truncated: offset 16: expected 12 bytes (3×2×2 values of type u8), found 11 bytes; the file is \
             truncated or its header is wrong",
        ),
        (
            "truncated.gz",
            "truncated.gz: offset 16: expected 12 bytes (3×2×2 values of type u8), found 9 bytes; the file is \
             truncated or its header is wrong",
        ),
        ("unknown-type", "unknown-type: offset 2: expected a type code of IDX (08, 09, 0b, 0c, 0d, 0e), found 0a"),
        (
            "wrong-checksum.gz",
            "wrong-checksum.gz: damaged gzip data: corrupt gzip stream does not have a matching checksum",
        ),
    ];
    check("idx", &expected, |path| idx::read(path).map(|_| ()));
}

#[test]
fn every_bad_idx_set_has_its_message() {
    let expected = [
        (
            "fewer-labels",
            "fewer-labels/train-labels-idx1-ubyte: expected 3 labels, one for each image of \
             fewer-labels/train-images-idx3-ubyte, found 2",
        ),
        (
            "float-labels",
            "float-labels/train-labels-idx1-ubyte: expected labels that are integers, found values of type f32",
        ),
        (
            "images-are-labels",
            "images-are-labels/train-images-idx3-ubyte: expected images of shape (N, H, W) or (N, H, W, C) with \
             1 or 3 channels, found (3)",
        ),
        (
            "images-of-i32",
            "images-of-i32/train-images-idx3-ubyte: expected images of type u8, found values of type i32",
        ),
        (
            "labels-are-images",
            "labels-are-images/train-labels-idx1-ubyte: expected labels of shape (N), or (N, 8) as QMNIST's, \
             found (3, 2, 2)",
        ),
        ("negative-label", "negative-label/train-labels-idx1-ubyte: row 1: expected labels from 0 to 9999, found -1"),
        ("no-images", "no-images: expected 1 to 4294967295 images, found 0 images"),
        (
            "no-labels-file",
            "no-labels-file/train-images-idx3-ubyte: expected the labels of train beside it, found no such file",
        ),
        (
            "two-sets",
            "two-sets: expected the IDX files of one set, found emnist-digits, emnist-letters; name one of \
             them: two-sets/emnist-letters",
        ),
    ];
    check("sets", &expected, open_path);
}

#[test]
fn every_bad_npz_file_has_its_message() {
    let expected = [
        ("bomb.npz", "bomb.npz: images: expected the end of the array after 3 bytes, found more bytes"),
        (
            "cut.npz",
            "cut.npz: expected an .npz file, which is a zip archive, found invalid Zip archive: Could not find EOCD",
        ),
        ("fewer-labels.npz", "fewer-labels.npz: labels: expected 3 labels, one for each image of images, found 2"),
        ("float-images.npz", "float-images.npz: images: expected values of an integer type (u1 … i8), found type <f4"),
        (
            "fortran.npz",
            "fortran.npz: images: expected rows that are contiguous (C order), found Fortran order; save it \
             with numpy.ascontiguousarray",
        ),
        (
            "huge-shape.npz",
            "huge-shape.npz: images: expected at most 4 GiB of values, found an array of shape (100000, 1024, \
             1024) and type |u1",
        ),
        (
            "more-than-packed.npz",
            "more-than-packed.npz: images: expected 3000000 bytes (shape (3, 1000, 1000), type |u1), found 73 \
             packed bytes, which cannot hold that many",
        ),
        ("no-header.npz", "no-header.npz: images: expected a header of 65535 bytes, found the end of the array"),
        ("one-hot-labels.npz", "one-hot-labels.npz: labels: expected labels of shape (N), found (3, 10)"),
        (
            "other-keys.npz",
            "other-keys.npz: expected arrays x_train, y_train, x_test, y_test, or images and labels, found \
             data, target",
        ),
        (
            "pickle.npz",
            "pickle.npz: images: expected values of an integer type (u1 … i8), found pickled Python objects, \
             which are never loaded",
        ),
        ("records.npz", "records.npz: images: expected values of one integer type, found records of several fields"),
        (
            "text.npz",
            "text.npz: expected an .npz file, which is a zip archive, found invalid Zip archive: Could not find EOCD",
        ),
    ];
    check("npz", &expected, open_path);
}

#[test]
fn every_bad_image_has_its_message() {
    let expected = [
        (
            "animated.png",
            "animated.png: expected one picture, found an animated PNG; save the one that is meant, or each as a \
             file of its own",
        ),
        (
            "animated.webp",
            "animated.webp: expected one picture, found an animated WebP; save the one that is meant, or each as \
             a file of its own",
        ),
        ("cut-strip.tif", "cut-strip.tif: damaged TIFF image: unexpected end of file"),
        ("empty.png", "empty.png: expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found an empty file"),
        (
            "floats.tif",
            "floats.tif: expected values of 1 to 16 bits, found floating-point values; what is black and what is \
             white is not known: scale them and save 8 or 16 bits",
        ),
        ("gif.png", "gif.png: expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found a GIF image"),
        ("lab.tif", "lab.tif: expected a TIFF of grey, RGB or CMYK values, found CIE L*a*b* values; save it as PNG"),
        ("no-height.pgm", "no-height.pgm: expected an image of 1 to 100000000 pixels, found 4×0"),
        (
            "no-rows-in-a-strip.tif",
            "no-rows-in-a-strip.tif: damaged TIFF image: format error: inconsistent sizes encountered",
        ),
        (
            "of-10-gigapixels.pgm",
            "of-10-gigapixels.pgm: expected an image of 1 to 100000000 pixels, found 100000×100000",
        ),
        (
            "of-10-gigapixels.png",
            "of-10-gigapixels.png: expected an image of 1 to 100000000 pixels, found 100000×100000",
        ),
        (
            "of-32-bits.tif",
            "of-32-bits.tif: expected values of 1 to 16 bits, found values of 32 bits; what is black and what is \
             white is not known: scale them and save 8 or 16 bits",
        ),
        ("of-65535-squared.jpg", "of-65535-squared.jpg: expected an image of 1 to 100000000 pixels, found 65535×65535"),
        ("of-65535-squared.png", "of-65535-squared.png: expected an image of 1 to 100000000 pixels, found 65535×65535"),
        ("of-65535-squared.tif", "of-65535-squared.tif: expected an image of 1 to 100000000 pixels, found 65535×65535"),
        (
            "palette.tif",
            "palette.tif: expected a TIFF of grey, RGB or CMYK values, found palette colours; save it as PNG",
        ),
        ("strip-of-4-gb.tif", "strip-of-4-gb.tif: TIFF image: decoding it would take more than 800 MB"),
        ("text.png", "text.png: expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found text \"I only have the\""),
        ("truncated.bmp", "truncated.bmp: damaged BMP image: unexpected end of file"),
        ("truncated.jpg", "truncated.jpg: damaged JPEG image: I/O errors Not enough bytes, expected 1 but found 0"),
        ("truncated.pgm", "truncated.pgm: damaged PGM image: unexpected end of file"),
        ("truncated.png", "truncated.png: damaged PNG image: unexpected end of file"),
        ("truncated.tif", "truncated.tif: damaged TIFF image: unexpected end of file"),
        ("truncated.webp", "truncated.webp: damaged WebP image: Corrupt bitstream"),
        (
            "two-pages.tif",
            "two-pages.tif: expected one picture, found a TIFF of several pages; save the one that is meant, or \
             each as a file of its own",
        ),
        (
            "wrong-checksum.png",
            "wrong-checksum.png: damaged PNG image: CRC error: expected 0x0 have 0x57dd52f8 while decoding \
             ChunkType { type: IHDR, critical: true, private: false, reserved: false, safecopy: false } chunk",
        ),
    ];
    check("images", &expected, |path| folder::decode_file(path).map(|_| ()));
}

#[test]
fn every_bad_folder_of_images_has_its_message() {
    let expected = [
        (
            "no-class-folders",
            "no-class-folders: expected a folder of images per class (a/1.png, b/2.png; PNG, JPEG, BMP, PGM, TIFF or WebP), \
             or MNIST's IDX files, found images that are in no class's folder (2)",
        ),
        (
            "no-images",
            "no-images: expected a folder of images per class (a/1.png, b/2.png; PNG, JPEG, BMP, PGM, TIFF or WebP), or \
             MNIST's IDX files, found no image in its folders (1)",
        ),
        (
            "one-bad",
            "one-bad/b/text.png: expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found text \"no image\"; \
             mend or remove it, or go on without it: data.on_error=skip",
        ),
        (
            "two-bad",
            "two-bad: 2 of 3 images cannot be read: (two-bad/a/cut.png: damaged PNG image: unexpected end of \
             file) (two-bad/b/text.png: expected a PNG, JPEG, BMP, PGM, TIFF or WebP image, found text \"no image\"); mend or remove \
             them, or go on without them: data.on_error=skip",
        ),
    ];
    check("folders", &expected, open_path);
}

#[test]
fn every_file_that_is_no_source_has_its_message() {
    let expected = [
        (
            "notes.txt",
            "notes.txt: expected a folder of images, a folder of IDX files or an .npz file, found another file",
        ),
        (
            "table.csv",
            "table.csv: expected a folder of images, a folder of IDX files or an .npz file, found a .csv file, \
             which this version does not read",
        ),
        (
            "train-images-idx3-ubyte",
            "train-images-idx3-ubyte: expected a folder of images, a folder of IDX files or an .npz file, found \
             one IDX file; name the folder with both images and labels",
        ),
    ];
    check("files", &expected, open_path);
}
