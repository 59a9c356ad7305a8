//! The fuzz targets hold for every file of their corpora.

#[path = "../../fuzz/src/contain.rs"]
mod contain;
#[path = "../../fuzz/src/deployment.rs"]
mod deployment;
#[path = "../../fuzz/src/evaluate.rs"]
mod evaluate;
#[path = "../../fuzz/src/folder.rs"]
mod folder;
#[path = "../../fuzz/src/lock.rs"]
mod lock;
#[path = "../../fuzz/src/manifest.rs"]
mod manifest;
#[path = "../../fuzz/src/policy.rs"]
mod policy;
#[path = "../../fuzz/src/settings.rs"]
mod settings;
#[path = "../../fuzz/src/source.rs"]
mod source;
#[path = "../../fuzz/src/template.rs"]
mod template;
#[path = "../../fuzz/src/trail.rs"]
mod trail;

/// Runs every file whole, cut after each `step` bytes, and with each `step`th byte bent: that finds more than whole ones.
fn corpus(target: &str, step: usize, run: fn(&[u8])) {
    let files = std::fs::read_dir(format!("fuzz/corpus/{target}")).unwrap();
    let mut count = 0;
    for file in files {
        let data = std::fs::read(file.unwrap().path()).unwrap();
        for cut in (0..=data.len()).step_by(step) {
            run(&data[..cut]);
        }
        for at in (0..data.len()).step_by(step) {
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
    corpus("policy", 5, policy::run);
}

#[test]
fn decisions() {
    corpus("evaluate", 5, evaluate::run);
}

#[test]
fn containments() {
    corpus("contain", 5, contain::run);
}

#[test]
fn templates() {
    corpus("template", 13, template::run);
}

#[test]
fn deployments() {
    corpus("deployment", 29, deployment::run);
}

#[test]
fn sources() {
    corpus("source", 31, source::run);
}

#[test]
fn manifests() {
    corpus("manifest", 17, manifest::run);
}

#[test]
fn trails() {
    corpus("trail", 37, trail::run);
}

#[test]
fn settings_files() {
    corpus("settings", 7, settings::run);
}

#[test]
fn locks() {
    corpus("lock", 7, lock::run);
}
