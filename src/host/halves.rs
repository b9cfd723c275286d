//! Looking at many small things: on two threads where that pays.

use std::panic::resume_unwind;
use std::thread;

/// What `part` makes of all, or from so many on of either half at the same time; in order.
pub fn in_halves<T: Sync, R: Send>(
    all: &[T],
    from: usize,
    part: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    if all.len() < from {
        return vec![part(all)];
    }
    let (left, right) = all.split_at(all.len() / 2);
    thread::scope(|scope| {
        let right = scope.spawn(|| part(right));
        // A panic in the thread is a bug, and is passed on.
        vec![part(left), right.join().unwrap_or_else(|why| resume_unwind(why))]
    })
}
