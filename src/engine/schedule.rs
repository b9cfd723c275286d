//! Who may run now: states, pools, order, failure spread.
