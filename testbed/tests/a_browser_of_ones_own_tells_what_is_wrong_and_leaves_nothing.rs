//! A browser tells what is wrong with a page, and is gone, with its files and all its processes, when it is dropped.

use std::fs;
use std::path::Path;

use testbed::Browser;

/// The processes whose command line names this folder.
fn processes(folder: &Path) -> usize {
    let name = folder.to_str().expect("temporary folders have plain names").as_bytes().to_owned();
    let lines = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.windows(name.len()).any(|part| part == name)).count()
}

#[test]
fn a_browser_tells_what_is_wrong_and_leaves_nothing() {
    // What a killed test left: no process has this id.
    let left = std::env::temp_dir().join("ci-testbed-chromium-4194305-left");
    fs::create_dir_all(left.join("profile")).expect("the folder of temporary files is writable");
    let browser = Browser::start();
    assert!(!left.exists());
    let folder = browser.profile().to_owned();
    let page = browser.page();
    page.goto("data:text/html,<title>a title</title><button onclick=document.title='clicked'>press</button>");
    assert_eq!(page.text("document.title"), "a title");
    page.click("button");
    page.until("document.title === 'clicked'");
    assert_eq!(page.complaints(), [""; 0]);
    let policy = "<meta http-equiv=content-security-policy content=\"script-src 'unsafe-inline'\">";
    let bad =
        "<script>console.error('one'); alert('two'); setTimeout(() => { throw new Error('three') })</script>";
    page.goto(&format!("data:text/html,{policy}{bad}<script src='data:text/javascript,four'></script>"));
    page.until("document.readyState === 'complete'");
    let complaints = page.complaints();
    for told in ["one", "two", "three", "four"] {
        assert!(complaints.iter().any(|complaint| complaint.contains(told)), "{told}: {complaints:?}");
    }
    assert!(processes(&folder) > 1 && folder.is_dir());
    drop(browser);
    assert_eq!((processes(&folder), folder.exists()), (0, false));
}
