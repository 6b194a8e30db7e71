//! The rows of the table: which figures are set against which, and the targets of issue 3. Data alone.

use super::duels::PROCESS;
use super::record::{Figure, OURSELVES, Pick};

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) work: &'static str,
    pub(crate) ours: Pick,
    /// The name in the table, and what is picked.
    pub(crate) theirs: Option<(&'static str, Pick)>,
    pub(crate) figure: Figure,
    pub(crate) target: Option<Target>,
}

/// What a row should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// So many times better than the peer.
    Times(f64),
    /// A figure of at least so much.
    AtLeast(f64),
    /// A figure of at most so much.
    AtMost(f64),
}

const fn ours(duel: &'static str) -> Pick {
    Pick::of(duel, OURSELVES)
}

const fn versus(
    work: &'static str,
    ours: Pick,
    theirs: (&'static str, Pick),
    figure: Figure,
    target: Option<Target>,
) -> Row {
    Row { work, ours, theirs: Some(theirs), figure, target }
}

const fn alone(work: &'static str, ours: Pick, figure: Figure, target: Target) -> Row {
    Row { work, ours, theirs: None, figure, target: Some(target) }
}

/// `None` in a `batch` of a peer: the best of those that it was measured with.
const TORCH: Pick = Pick::of("pytorch", "pytorch");
const TORCH_BF16: Pick = Pick::of("pytorch-bf16", "pytorch");
const TORCH_AVX2: Pick = Pick::of("pytorch-avx2", "pytorch");
const TORCH_16: Pick = Pick::of("pytorch-16-cores", "pytorch");
const KERAS: Pick = Pick::of("tensorflow", "tensorflow");
const BURN: Pick = Pick::of("burn", "burn");
const CANDLE: Pick = Pick::of("candle", "candle");
const ORT: Pick = Pick::of("onnxruntime", "onnxruntime");
const TF_AUGMENT: Pick = Pick::of("augment", "tensorflow");

use Figure::{Epoch, FolderRate, Latency, Load, Memory, Process, Rate, SeedAccuracy, SeedSeconds};
use Target::{AtLeast, AtMost, Times};

/// The rows for a machine whose peers ran on `threads` threads.
pub(crate) fn rows(threads: usize) -> Vec<Row> {
    let all_batched = ORT.threads(threads);
    vec![
        versus("train, f32, batch 32", ours("pytorch").batch(32), ("PyTorch's best", TORCH), Epoch, Some(Times(8.0))),
        versus("train, f32, batch 128", ours("pytorch").batch(128), ("PyTorch's best", TORCH), Epoch, Some(Times(8.0))),
        versus(
            "train, bf16, batch 32",
            ours("pytorch-bf16").batch(32),
            ("PyTorch's best bf16", TORCH_BF16),
            Epoch,
            Some(Times(8.0)),
        ),
        versus(
            "train, bf16, batch 128",
            ours("pytorch-bf16").batch(128),
            ("PyTorch's best bf16", TORCH_BF16),
            Epoch,
            Some(Times(8.0)),
        ),
        versus(
            "train, AVX2 alone, batch 32",
            ours("pytorch-avx2").batch(32),
            ("PyTorch's best with AVX2", TORCH_AVX2),
            Epoch,
            Some(Times(5.0)),
        ),
        versus(
            "train, AVX2 alone, batch 128",
            ours("pytorch-avx2").batch(128),
            ("PyTorch's best with AVX2", TORCH_AVX2),
            Epoch,
            Some(Times(5.0)),
        ),
        versus(
            "train seven convolutions, f32, batch 64",
            ours("deotte"),
            ("PyTorch", Pick::of("deotte", "pytorch")),
            Epoch,
            Some(Times(2.0)),
        ),
        versus(
            "train seven convolutions, bf16, batch 64",
            ours("deotte-bf16"),
            ("PyTorch bf16", Pick::of("deotte-bf16", "pytorch")),
            Epoch,
            Some(Times(3.0)),
        ),
        versus(
            "train, f32, batch 128, 16 cores",
            ours("pytorch-16-cores"),
            ("PyTorch", TORCH_16),
            Epoch,
            Some(Times(5.0)),
        ),
        versus("train, f32, batch 32", ours("tensorflow").batch(32), ("Keras fit", KERAS.batch(32)), Epoch, None),
        versus("train, f32, batch 128", ours("tensorflow").batch(128), ("Keras fit", KERAS.batch(128)), Epoch, None),
        versus(
            "train, bf16, batch 128",
            ours("tensorflow-bf16"),
            ("Keras mixed_bfloat16", Pick::of("tensorflow-bf16", "tensorflow")),
            Epoch,
            None,
        ),
        versus("train, f32, batch 32", ours("burn").batch(32), ("burn flex", BURN.batch(32)), Epoch, None),
        versus("train, f32, batch 128", ours("burn").batch(128), ("burn flex", BURN.batch(128)), Epoch, None),
        versus("train, f32, batch 32", ours("candle").batch(32), ("candle", CANDLE.batch(32)), Epoch, None),
        versus("train, f32, batch 128", ours("candle").batch(128), ("candle", CANDLE.batch(128)), Epoch, None),
        versus(
            "train, 2 threads instead of 1",
            ours("scaling").threads(2),
            ("ourselves on 1", ours("scaling").threads(1)),
            Epoch,
            Some(Times(1.9)),
        ),
        versus(
            "peak memory while training",
            ours("pytorch").batch(32),
            ("PyTorch", TORCH.batch(32)),
            Memory,
            Some(AtMost(160e6)),
        ),
        versus(
            "peak memory while training",
            ours("tensorflow").batch(32),
            ("Keras fit", KERAS.batch(32)),
            Memory,
            None,
        ),
        versus(
            "read one image, f32",
            ours("onnxruntime").threads(1),
            ("onnxruntime", ORT),
            Latency,
            Some(AtMost(18.0)),
        ),
        versus(
            "read a batch, f32, one core",
            ours("onnxruntime").threads(1),
            ("onnxruntime", ORT.threads(1)),
            Rate,
            Some(Times(1.4)),
        ),
        versus(
            "read a batch, f32, all threads",
            ours("onnxruntime").threads(threads),
            ("onnxruntime", all_batched),
            Rate,
            None,
        ),
        versus(
            "read a batch, bf16, one core",
            ours("onnxruntime-bf16"),
            ("onnxruntime f32", Pick::of("onnxruntime-bf16", "onnxruntime").threads(1)),
            Rate,
            Some(Times(6.0)),
        ),
        versus(
            "rotate and zoom",
            ours("augment"),
            ("tf.data and layers", TF_AUGMENT.engine("tf.data")),
            Rate,
            Some(AtLeast(2.5e6)),
        ),
        versus(
            "rotate and zoom",
            ours("augment"),
            ("ImageDataGenerator", TF_AUGMENT.engine("ImageDataGenerator")),
            Rate,
            None,
        ),
        versus(
            "rotate and zoom",
            ours("augment-torchvision"),
            ("torchvision", Pick::of("augment-torchvision", "torchvision")),
            Rate,
            None,
        ),
        alone("MNIST from the binary into memory", ours("load"), Load, AtMost(0.150)),
        alone("a folder of PNG files", ours("load"), FolderRate, AtLeast(180e3)),
        alone("recipe mnist-fast, mean of the seeds", ours("mnist-fast"), SeedSeconds, AtMost(0.76)),
        alone("recipe mnist-fast, mean test accuracy", ours("mnist-fast"), SeedAccuracy, AtLeast(0.99)),
        alone("inkstone predict digit.png, whole process", ours(PROCESS), Process, AtMost(0.015)),
    ]
}
