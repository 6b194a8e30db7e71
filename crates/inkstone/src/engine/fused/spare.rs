//! Lanes between two uses. Threads borrow them without waiting for one another: whatever is busy is passed over, and
//! where nothing is left a new lane is made.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lane::Lane;

/// Lanes that are kept, at most: more threads than this still run, with lanes made anew.
const N_SEATS: usize = 64;

/// Lanes that nobody works in at the moment.
#[derive(Debug)]
pub(super) struct SpareLanes {
    seats: Box<[Seat]>,
}

/// Room for one lane, on cache lines of its own (two: processors fetch pairs). Its lock is held to take the lane out
/// or to put it in, never while it is worked in.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Seat(Mutex<Option<Box<Lane>>>);

impl SpareLanes {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { seats: std::iter::repeat_with(Seat::default).take(N_SEATS).collect() }
    }

    /// Does `work` in a lane for `capacity` images or more; `make` is asked for one if there is none.
    pub(super) fn with_lane<R>(
        &self,
        capacity: usize,
        make: impl FnOnce(usize) -> Lane,
        work: impl FnOnce(&mut Lane) -> R,
    ) -> R {
        // One that is too small is dropped: the larger one takes its place.
        let spare = self.take().filter(|lane| lane.capacity >= capacity);
        let mut lane = spare.unwrap_or_else(|| Box::new(make(capacity)));
        let result = work(&mut lane);
        self.put_back(lane);
        result
    }

    fn take(&self) -> Option<Box<Lane>> {
        self.own_seat_first().find_map(|Seat(seat)| seat.try_lock().ok()?.take())
    }

    fn put_back(&self, lane: Box<Lane>) {
        for Seat(seat) in self.own_seat_first() {
            if let Ok(mut seat) = seat.try_lock()
                && seat.is_none()
            {
                *seat = Some(lane);
                return;
            }
        }
    }

    /// All seats once. Each thread begins at its own, so that it mostly gets the lane that its core's cache holds.
    fn own_seat_first(&self) -> impl Iterator<Item = &Seat> {
        let own = OWN_SEAT.get();
        self.seats[own..].iter().chain(&self.seats[..own])
    }
}

static N_THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Threads are numbered as they first ask. No result depends on the number.
    static OWN_SEAT: Cell<usize> = Cell::new(N_THREADS.fetch_add(1, Ordering::Relaxed) % N_SEATS);
}

#[cfg(test)]
mod tests {
    use inkstone_kernels::Isa;

    use super::super::program::Program;
    use super::super::weights::Purpose;
    use super::*;
    use crate::shape::Shape;
    use crate::spec::model::{LayerSpec, ModelSpec};
    use crate::spec::training::Precision;

    #[test]
    fn a_lane_is_used_again_unless_it_is_too_small() {
        let plan = ModelSpec::sequential(vec![LayerSpec::dense_per_class()]).resolve(Shape::Flat(3), 2).unwrap();
        let program = Program::new(&plan, Precision::F32);
        let spare = SpareLanes::new();
        let made = Cell::new(0);
        let capacity_of = |capacity| {
            let make = |capacity| {
                made.set(made.get() + 1);
                Lane::new(&program, Isa::SCALAR, Purpose::Inference, capacity, 0)
            };
            spare.with_lane(capacity, make, |lane| lane.capacity)
        };
        assert_eq!([1, 1, 4, 1, 2, 4].map(capacity_of), [1, 1, 4, 4, 4, 4]);
        assert_eq!(made.get(), 2);
        // A lane that is out does not stop others.
        let make = |capacity| Lane::new(&program, Isa::SCALAR, Purpose::Inference, capacity, 0);
        spare.with_lane(1, make, |outer| {
            outer.n_correct = 7;
            spare.with_lane(1, make, |inner| assert_eq!((inner.capacity, inner.n_correct), (1, 0)));
        });
        assert_eq!(spare.seats.iter().filter(|Seat(seat)| seat.lock().unwrap().is_some()).count(), 2);
    }
}
