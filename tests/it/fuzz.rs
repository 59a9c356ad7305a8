//! The fuzz targets hold for every file of their corpora.

#[path = "../../fuzz/src/contain.rs"]
mod contain;
#[path = "../../fuzz/src/evaluate.rs"]
mod evaluate;
#[path = "../../fuzz/src/policy.rs"]
mod policy;

fn corpus(target: &str, run: fn(&[u8])) {
    let files = std::fs::read_dir(format!("fuzz/corpus/{target}")).unwrap();
    let mut count = 0;
    for file in files {
        let data = std::fs::read(file.unwrap().path()).unwrap();
        // Cut and bent inputs find more than whole ones.
        for cut in (0..=data.len()).step_by(7) {
            run(&data[..cut]);
        }
        for at in (0..data.len()).step_by(5) {
            let mut bent = data.clone();
            bent[at] ^= 0x15;
            run(&bent);
        }
        run(&data);
        count += 1;
    }
    assert!(count > 5, "{count} files");
}

#[test]
fn policies() {
    corpus("policy", policy::run);
}

#[test]
fn decisions() {
    corpus("evaluate", evaluate::run);
}

#[test]
fn containments() {
    corpus("contain", contain::run);
}
