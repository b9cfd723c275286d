//! Money: what bounds hold, what is set aside and what is booked.

pub mod budget;
