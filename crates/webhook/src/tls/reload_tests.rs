use super::*;
use crate::tls::test_pairs::{self, paths};

struct Rig {
    _folder: tempfile::TempDir,
    paths: PairPaths,
    resolver: Arc<CertificateResolver>,
    reloads: Arc<Reloads>,
    reloader: Reloader,
}

/// The year in which the certificate ends tells the pairs apart.
const YEAR_2030: u64 = 1_893_456_000;
const YEAR_2040: u64 = 2_208_988_800;

impl Rig {
    async fn with_a_pair_until_2030() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = paths(folder.path());
        test_pairs::Pair::until(2030).write(&paths);
        let resolver = Arc::new(CertificateResolver::new());
        let mut reloader = Reloader::new(paths.clone(), Arc::clone(&resolver));
        reloader.load().await.expect("a pair");
        let reloads = Arc::clone(reloader.reloads());
        Self { _folder: folder, paths, resolver, reloads, reloader }
    }

    fn counts(&self) -> (u64, u64) {
        (self.reloads.loaded(), self.reloads.failed())
    }
}

#[tokio::test]
async fn takes_a_new_pair() {
    let mut rig = Rig::with_a_pair_until_2030().await;
    test_pairs::Pair::until(2040).write(&rig.paths);
    rig.reloader.step().await;
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2040));
    rig.reloader.step().await;
    assert_eq!(rig.counts(), (2, 0), "an unchanged pair is not loaded again");
}

#[tokio::test]
async fn keeps_the_old_pair_when_the_new_key_does_not_match() {
    let mut rig = Rig::with_a_pair_until_2030().await;
    std::fs::write(&rig.paths.key, test_pairs::Pair::new().key).expect("written");
    for _ in 0..5 {
        rig.reloader.step().await;
    }
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2030));
    assert_eq!(rig.counts(), (1, 1), "reported once for each content");
}

#[tokio::test]
async fn takes_the_pair_when_the_certificate_follows_its_key() {
    let mut rig = Rig::with_a_pair_until_2030().await;
    let next = test_pairs::Pair::until(2040);
    std::fs::write(&rig.paths.key, &next.key).expect("written");
    rig.reloader.step().await;
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2030));
    std::fs::write(&rig.paths.certificate, &next.certificate).expect("written");
    rig.reloader.step().await;
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2040));
    assert_eq!(rig.counts(), (2, 0), "a pair half written is no failure");
}

#[tokio::test]
async fn keeps_the_old_pair_when_the_files_go_and_takes_the_new_one_when_they_come() {
    let mut rig = Rig::with_a_pair_until_2030().await;
    std::fs::remove_file(&rig.paths.certificate).expect("removed");
    rig.reloader.step().await;
    rig.reloader.step().await;
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2030));
    test_pairs::Pair::until(2040).write(&rig.paths);
    rig.reloader.step().await;
    assert_eq!(rig.resolver.not_after(), Some(YEAR_2040));
    assert_eq!(rig.counts(), (2, 1));
}

#[tokio::test]
async fn follows_the_kubelets_symlink_swap() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (version, year) in [("..1", 2030), ("..2", 2040)] {
        std::fs::create_dir(at(version)).expect("a folder");
        test_pairs::Pair::until(year).write(&paths(&at(version)));
    }
    symlink("..1", at("..data")).expect("a link");
    symlink("..data/tls.crt", at("tls.crt")).expect("a link");
    symlink("..data/tls.key", at("tls.key")).expect("a link");
    let resolver = Arc::new(CertificateResolver::new());
    let mut reloader = Reloader::new(paths(folder.path()), Arc::clone(&resolver));
    reloader.load().await.expect("a pair");
    assert_eq!(resolver.not_after(), Some(YEAR_2030));
    symlink("..2", at("..data_tmp")).expect("a link");
    std::fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
    reloader.step().await;
    assert_eq!(resolver.not_after(), Some(YEAR_2040));
}

#[tokio::test]
async fn returns_why_the_first_pair_can_not_be_loaded_and_takes_it_when_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = paths(folder.path());
    let resolver = Arc::new(CertificateResolver::new());
    let mut reloader = Reloader::new(paths.clone(), Arc::clone(&resolver));
    let error = reloader.load().await.expect_err("no files").to_string();
    assert!(error.contains("tls.crt"), "{error}");
    assert!(!resolver.has_pair());
    test_pairs::Pair::new().write(&paths);
    reloader.step().await;
    assert!(resolver.has_pair());
}

#[test]
fn tells_nothing_of_the_key_in_its_debug_output() {
    let mut pair = Pair::new(paths("certs".as_ref()));
    pair.take(None, Some(Change::Content(b"secret".into())));
    let (text, bytes) = (format!("{pair:?}"), format!("{:?}", b"secret"));
    assert!(!text.contains("secret") && !text.contains(bytes.trim_matches(['[', ']'])), "{text}");
}

#[tokio::test]
async fn names_a_file_that_is_not_there() {
    let mut reloader = Reloader::new(paths("nowhere".as_ref()), Arc::default());
    let message = reloader.load().await.expect_err("no file").to_string();
    assert!(message.contains("nowhere/tls.crt") && message.contains("--tls-cert"), "{message}");
}
