//! Every input that was worth keeping, through its target.

use std::path::Path;

#[test]
fn no_kept_input_makes_a_target_panic() {
    for (name, target) in etcd_inspect_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut ran = 0;
        for file in std::fs::read_dir(&folder).unwrap() {
            target(&std::fs::read(file.unwrap().path()).unwrap());
            ran += 1;
        }
        assert!(ran > 0, "{} holds nothing", folder.display());
    }
}
