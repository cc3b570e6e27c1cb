//! Seeded single mutations of real directories: whatever is salvaged passes our own check and etcd's.

use testkit::mutations::random;

use crate::damage::{assert_sound, assert_status};
use crate::salvage;

/// Seeds of the sample; `SALVAGE_SEEDS=300` takes so many.
const SEEDS: u64 = 12;

#[test]
fn what_is_salvaged_of_a_mutated_directory_passes_every_check() {
    let asked = std::env::var("SALVAGE_SEEDS").ok();
    let seeds = asked.and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let mut written = 0;
    for seed in 0..seeds {
        let mutation = random(seed);
        let copy = mutation.apply();
        let backup = salvage(&copy, &[]);
        let name = format!("seed {seed}: {} {}", mutation.fixture, mutation.what);
        assert!(matches!(backup.exit, 0..=3), "{name}: {}", backup.stderr);
        if backup.out.exists() {
            written += 1;
            assert_sound(&backup.out, &name, backup.exit == 0);
            assert_status(&backup, &name);
        }
    }
    assert!(written * 10 >= seeds * 8, "{written} of {seeds}");
}
