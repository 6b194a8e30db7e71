use inkstone::engine::fused::Fused;
use inkstone::engine::*;
use inkstone::parallel::Pool;
use inkstone::shape::Shape;
use inkstone::spec::model::*;
fn main() {
    let threads: usize = std::env::args().nth(1).map_or(2, |s| s.parse().unwrap());
    let batch: usize = std::env::args().nth(2).map_or(32, |s| s.parse().unwrap());
    let data = inkstone_mnist::load();
    let spec = ModelSpec::sequential([
        LayerSpec::conv2d(32, 3).activation(Activation::Relu),
        LayerSpec::max_pool(2),
        LayerSpec::conv2d(64, 3).activation(Activation::Relu),
        LayerSpec::max_pool(2),
        LayerSpec::flatten(),
        LayerSpec::dense(10),
    ]);
    let plan = spec.resolve(Shape::image(28, 28, 1), 10).unwrap();
    for isa in Isa::available().into_iter().rev() {
        let fused = Fused::compile(&plan, isa);
        let pool = Pool::new(threads).unwrap();
        let mut p = Parameters::initialise(&plan, 0);
        let mut b = fused.train_buffers(batch);
        let (mut m, mut v) = (vec![0f32; p.values.len()], vec![0f32; p.values.len()]);
        let steps = std::env::var("STEPS").map_or(300, |s| s.parse().unwrap()).min(60000 / batch);
        let t = std::time::Instant::now();
        pool.install(|| {
            for s in 0..steps {
                let targets: Vec<Target> = (0..batch)
                    .map(|i| Target { label: data.train_labels[s * batch + i] as u32, weight: 1.0 })
                    .collect();
                let px = &data.train_images;
                let out = fused.step(
                    &pool,
                    &mut p,
                    &Batch {
                        write_image: &|i, o| {
                            for (o, &x) in o.iter_mut().zip(&px[(s * batch + i) * 784..]) {
                                *o = x as f32 / 255.0
                            }
                        },
                        targets: &targets,
                        label_smoothing: 0.0,
                        seed: 0,
                        step: s as u32,
                    },
                    &mut b,
                );
                let t = (s + 1) as i32;
                let (c1, c2) = (1.0 - 0.9f32.powi(t), 1.0 - 0.999f32.powi(t));
                for (((w, g), m), v) in p.values.iter_mut().zip(b.gradients.iter()).zip(&mut m).zip(&mut v) {
                    *m = 0.9 * *m + 0.1 * g;
                    *v = 0.999 * *v + 0.001 * g * g;
                    *w -= 0.001 * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
                }
                if s % 100 == 99 || s == 0 {
                    println!(
                        "{isa} {s} loss {:.4} acc {:.3}",
                        out.loss_sum / batch as f64,
                        out.n_correct as f64 / batch as f64
                    );
                }
            }
        });
        let dt = t.elapsed().as_secs_f64();
        if std::env::args().nth(3).is_some() {
            let s = std::fs::read_to_string("/proc/self/stat").unwrap();
            let f: Vec<&str> = s.split(" ").collect();
            println!("cpu {:.1} us/image", f[13].parse::<f64>().unwrap() * 0.01 / (steps * batch) as f64 * 1e6);
            return;
        }
        println!(
            "{isa}: {:.1} us/image, {:.2} s/60000 epoch",
            dt / (steps * batch) as f64 * 1e6,
            dt / (steps * batch) as f64 * 60000.0
        );
        let t = std::time::Instant::now();
        let l = fused.logits(&pool, &p, 10000, &|i, o| {
            for (o, &x) in o.iter_mut().zip(&data.test_images[i * 784..]) {
                *o = x as f32 / 255.0
            }
        });
        let right = l
            .chunks(10)
            .zip(&data.test_labels)
            .filter(|(z, y)| {
                let b = (1..10).fold(0, |b, k| if z[k] > z[b] { k } else { b });
                b == **y as usize
            })
            .count();
        println!("{isa}: test {} of 10000, {:.1} us/image", right, t.elapsed().as_secs_f64() * 100.0);
    }
}
