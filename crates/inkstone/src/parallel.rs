//! A pool of worker threads as a value: who holds it decides how many threads run, and no global pool is touched.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// A fixed number of worker threads, or the thread that calls.
#[derive(Debug)]
pub struct Pool {
    /// `None`: the calling thread does all the work.
    threads: Option<rayon_core::ThreadPool>,
}

impl Pool {
    /// A pool of `n_threads` workers; 0 means one per available core.
    pub fn new(n_threads: usize) -> Result<Self> {
        let threads = rayon_core::ThreadPoolBuilder::new()
            .num_threads(n_threads)
            .thread_name(|i| format!("inkstone-{i}"))
            .build()
            .map_err(|error| Error::new(ErrorKind::Io, format!("cannot start {n_threads} threads: {error}")))?;
        Ok(Self { threads: Some(threads) })
    }

    /// A pool without threads: the calling thread does all the work. Costs nothing to make, and two callers never
    /// wait for one another: for single images, and for hosts with threads of their own.
    pub fn current_thread() -> Self {
        Self { threads: None }
    }

    /// How many threads work.
    pub fn n_threads(&self) -> usize {
        self.threads.as_ref().map_or(1, rayon_core::ThreadPool::current_num_threads)
    }

    /// Runs `work` on a worker of this pool. A loop of many short parallel phases belongs inside one `install`:
    /// the phases then start from a worker, which is several times cheaper than starting them from outside.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.threads {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }

    /// As [`Pool::install`], for a loop of phases that each take less than a sleeping thread takes to wake: the other
    /// workers look for work without a pause until the loop ends. Where there are more workers than cores they sleep
    /// as ever, since a thread that looks for work would keep a core from one that has some.
    pub fn install_awake<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.n_threads() > n_cores {
            return self.install(work);
        }
        self.install(|| {
            let ended = Ended(AtomicBool::new(false));
            let caller = rayon_core::current_thread_index();
            rayon_core::in_place_scope(|scope| {
                let ended = &ended;
                scope.spawn_broadcast(move |_, worker| {
                    // The caller has its loop to run; whoever else gets here stays until that has ended.
                    while Some(worker.index()) != caller && !ended.0.load(Ordering::Relaxed) {
                        look_for_work();
                    }
                });
                // Raised also when the work panics: nobody may look for work for ever.
                let _raise = Raise(ended);
                work()
            })
        })
    }

    /// Calls `work(i, &mut items[i])` for every item, in parallel. The items are handed out in no fixed order, so
    /// a result may depend on its own item alone.
    pub fn for_each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Send + Sync) {
        self.for_each_chunk(items, 1, |i, item| work(i, &mut item[0]));
    }

    /// Cuts `data` into pieces of `size` (the last may be shorter) and calls `work(i, piece)` for each, in parallel.
    pub fn for_each_chunk<T: Send>(&self, data: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
        assert!(size > 0, "a piece has at least one item");
        match &self.threads {
            Some(_) if !data.is_empty() => self.install(|| halve(data, size, 0, &work)),
            _ => data.chunks_mut(size).enumerate().for_each(|(i, piece)| work(i, piece)),
        }
    }

    /// Runs both, at the same time if another worker is idle.
    pub fn join(&self, left: impl FnOnce() + Send, right: impl FnOnce() + Send) {
        match &self.threads {
            Some(_) => self.install(|| rayon_core::join(left, right)),
            None => (left(), right()),
        };
    }

    /// `[work(0), …, work(n − 1)]`, computed in parallel, in order.
    pub fn map<R: Send>(&self, n: usize, work: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
        let mut results: Vec<Option<R>> = std::iter::repeat_with(|| None).take(n).collect();
        self.for_each(&mut results, |i, result| *result = Some(work(i)));
        results.into_iter().map(|result| result.expect("for_each visits every item")).collect()
    }
}

/// Whether a loop of phases has ended.
struct Ended(AtomicBool);

/// Says so when it is dropped.
struct Raise<'a>(&'a Ended);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs what the pool has to do; where there is nothing, looks again for some microseconds, then lets others run.
fn look_for_work() {
    for _ in 0..256 {
        if rayon_core::yield_now() == Some(rayon_core::Yield::Executed) {
            return;
        }
        std::hint::spin_loop();
    }
    std::thread::yield_now();
}

/// Gives one half of the pieces away to whoever is idle, again and again, until one piece is left.
fn halve<T: Send>(data: &mut [T], size: usize, first: usize, work: &(impl Fn(usize, &mut [T]) + Send + Sync)) {
    let n_pieces = data.len().div_ceil(size);
    if n_pieces == 1 {
        return work(first, data);
    }
    let (left, right) = data.split_at_mut(n_pieces / 2 * size);
    rayon_core::join(|| halve(left, size, first, work), || halve(right, size, first + n_pieces / 2, work));
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;

    #[test]
    fn workers_that_are_kept_awake_do_the_same_and_let_go_even_when_the_work_panics() {
        for n_threads in [1, 2, 5] {
            let pool = Pool::new(n_threads).unwrap();
            let sum: usize = pool.install_awake(|| (0..50).map(|i| pool.map(7, |k| k * i).iter().sum::<usize>()).sum());
            assert_eq!(sum, 21 * (0..50).sum::<usize>());
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| pool.install_awake(|| panic!("on purpose"))));
            assert!(caught.is_err());
            assert_eq!(pool.map(3, |i| i), [0, 1, 2]);
        }
    }

    #[test]
    fn every_piece_is_visited_once_with_its_own_number() {
        let pools = [1, 2, 5].map(|n_threads| Pool::new(n_threads).unwrap());
        for pool in pools.into_iter().chain([Pool::current_thread()]) {
            let mut data = vec![0_usize; 103];
            pool.for_each_chunk(&mut data, 10, |i, piece| piece.iter_mut().for_each(|value| *value += i + 1));
            assert!(data.iter().enumerate().all(|(k, &value)| value == k / 10 + 1));
            assert_eq!(pool.map(7, |i| i * i), [0, 1, 4, 9, 16, 25, 36]);
            assert_eq!(pool.map(0, |i| i), [0_usize; 0]);
        }
    }
}
