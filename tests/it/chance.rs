//! Chance that can be had again: `ORCH_TEST_SEED` chooses it.

/// Numbers that look like chance and are the same each time.
pub struct Chance(u64);

impl Chance {
    /// As the environment says.
    pub fn of_the_day() -> Self {
        let seed = std::env::var("ORCH_TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(7);
        eprintln!("ORCH_TEST_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}
