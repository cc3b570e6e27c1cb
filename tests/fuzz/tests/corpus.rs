//! Every input that was worth keeping, through its target.

use std::path::Path;

use etcd_inspect_fuzz::{TARGETS, Target};

#[test]
fn no_kept_input_makes_a_target_panic() {
    let ran = std::thread::scope(|scope| {
        let threads: Vec<_> = TARGETS
            .iter()
            .map(|(name, target)| (name, scope.spawn(|| run(name, *target))))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| (name, thread.join().unwrap()))
            .collect::<Vec<_>>()
    });
    for (name, ran) in ran {
        assert!(ran > 0, "corpus/{name} holds nothing");
    }
}

fn run(name: &str, target: Target) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| target(&std::fs::read(file.unwrap().path()).unwrap()))
        .count()
}
