//! The clock: work repeated for a stretch of time, after a warm-up that does not count; and the machine's ceiling.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use inkstone::Result;
use inkstone::engine::{Isa, fma_ceiling};

use super::interrupted;
use crate::interrupt;

/// How long the work runs before the clock does: a fifth of the measurement, at most a second.
pub(super) fn warm_up(seconds: Duration) -> Duration {
    (seconds / 5).min(Duration::from_secs(1))
}

/// Repeats `work`, which says how many images it did, first to warm up and then for at least `seconds`.
/// Gives back the images and the time of the second part.
pub(super) fn repeat(seconds: Duration, mut work: impl FnMut() -> u64) -> Result<(u64, Duration)> {
    stretch(warm_up(seconds), &mut work)?;
    stretch(seconds, &mut work)
}

fn stretch(seconds: Duration, work: &mut dyn FnMut() -> u64) -> Result<(u64, Duration)> {
    let (start, mut n_images) = (Instant::now(), 0);
    loop {
        n_images += work();
        let elapsed = start.elapsed();
        if elapsed >= seconds {
            return Ok((n_images, elapsed));
        }
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(interrupted());
        }
    }
}

/// Times each call of `work` for at least `seconds`, after a warm-up: in order of duration, at least `least` of them.
/// Letting go of what `work` made is not timed.
pub(super) fn each<R>(seconds: Duration, least: usize, mut work: impl FnMut() -> Result<R>) -> Result<Vec<Duration>> {
    let (mut durations, mut all) = (Vec::new(), Duration::ZERO);
    let mut warm = Duration::ZERO;
    while all < seconds || durations.len() < least {
        let start = Instant::now();
        let made = work()?;
        let duration = start.elapsed();
        drop(made);
        if warm < warm_up(seconds) {
            warm += duration;
        } else {
            all += duration;
            durations.push(duration);
        }
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(interrupted());
        }
    }
    durations.sort_unstable();
    Ok(durations)
}

/// The value below which a share of the sorted durations lies.
///
/// # Panics
/// If there is none.
pub(super) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Floating-point operations per second of multiply-adds on registers alone, on `n_threads` threads at once: the best of
/// a few windows, since a ceiling is what the machine can do and not what it does while others want it.
pub(super) fn ceiling(isa: Isa, n_threads: usize) -> f64 {
    const WINDOW: Duration = Duration::from_millis(40);
    (0..5).map(|_| window(isa, n_threads, WINDOW)).fold(0.0, f64::max)
}

fn window(isa: Isa, n_threads: usize, length: Duration) -> f64 {
    let one = || {
        let (start, mut n_operations) = (Instant::now(), 0);
        while start.elapsed() < length {
            n_operations += fma_ceiling(isa, 10_000);
        }
        n_operations as f64 / start.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_among_the_durations() {
        let sorted: Vec<Duration> = (1..=101).map(Duration::from_micros).collect();
        assert_eq!(quantile(&sorted, 0.5), Duration::from_micros(51));
        assert_eq!(quantile(&sorted, 0.99), Duration::from_micros(100));
        assert_eq!(quantile(&sorted[..1], 0.99), Duration::from_micros(1));
    }

    #[test]
    fn the_warm_up_does_not_count() {
        let mut n_calls = 0;
        let (n_images, elapsed) = repeat(Duration::from_millis(10), || {
            n_calls += 1;
            std::thread::sleep(Duration::from_millis(1));
            7
        })
        .unwrap();
        assert!(elapsed >= Duration::from_millis(10));
        assert!(n_images < n_calls * 7 && n_images % 7 == 0);
        let durations = each(Duration::ZERO, 5, || Ok(())).unwrap();
        assert_eq!(durations.len(), 5);
    }

    #[test]
    fn every_instruction_set_has_a_ceiling() {
        for isa in Isa::available() {
            assert!(window(isa, 1, Duration::from_millis(2)) > 1e6, "{isa}");
        }
    }
}
