//! The corpora of all targets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ci_fuzz::TARGETS;

#[test]
fn each_target_holds_for_its_corpus() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, holds) in TARGETS {
        let mut inputs: Vec<_> =
            fs::read_dir(corpora.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        inputs.sort();
        assert!(10 <= inputs.len(), "{name} has a corpus");
        for input in inputs {
            let tried = std::panic::catch_unwind(|| holds(&fs::read(&input).unwrap()));
            assert!(tried.is_ok(), "{}", input.display());
        }
    }
}

#[test]
fn each_corpus_is_of_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let names: BTreeSet<_> = fs::read_dir(corpora)
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}
