//! Every page fits a phone, is dark or light as its reader prefers, and gives the browser nothing to complain about.

use ci_core::Level;
use ci_core::event::Phase;

use crate::seen::Seen;
use crate::support::{Ci, World};

const LONG: &str =
    "release/2026-11-a-branch-name-without-any-place-to-break-it-that-somebody-chose-all-the-same-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_fit_their_reader() {
    let world = World::new("0123456789abcdef0123456789abcdef01234567");
    let mut ci = Ci::start_with(&world, None, LONG, LONG);
    let seen = Seen::of(&ci).await;
    ci.done().await;
    world.fail(LONG, &format!("{LONG}: no such file"));
    world.set(LONG);
    let failed = ci.job("build", |phase| matches!(phase, Phase::Failed { .. })).await;
    ci.engine.set_confirm(Some(Level::Average));
    // What is asked next is answered after that.
    ci.engine.live().await;
    world.set("0123");
    let waiting = ci.job("build", |phase| *phase == Phase::WaitingForConfirmation).await;

    let page = seen.owner(&ci, "/");
    let pages = ["/".to_owned(), "/graph".to_owned(), "/jobs".to_owned(), "/nowhere".to_owned()];
    let jobs = [&failed, &waiting].map(|job| format!("/jobs/{job}"));
    for path in pages.iter().chain(&jobs) {
        for width in [360, 390, 1280] {
            page.resize(width, 800, width < 1000);
            page.goto(&seen.url(path));
            page.eval("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
            let wide = page.eval("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{path} is {wide} wide at {width}");
            // Nor is anything cut off where nobody can scroll to.
            let cut = page.eval(
                "[...document.querySelectorAll('body *')].filter((it) => !it.closest('.picture') && it.checkVisibility() \
                 && it.getBoundingClientRect().right > innerWidth + 1).map((it) => it.outerHTML.slice(0, 200))",
            );
            assert_eq!(cut, serde_json::json!([]), "{path} at {width}");
        }
        let mut grounds = Vec::new();
        for dark in [false, true] {
            page.prefer_dark(dark);
            grounds.push(lightness(&page.text("getComputedStyle(document.body).backgroundColor")));
            // Contrast of all text that is shown, by WCAG: 4.5 is legible for most.
            let faint = page.eval(CONTRASTS);
            assert_eq!(faint, serde_json::json!([]), "{path}, dark: {dark}");
        }
        assert!(grounds[0] > 0.8 && grounds[1] < 0.1, "{path}: {grounds:?}");
        let complaints = page.complaints();
        let missing = |complaint: &&String| !complaint.contains("404");
        assert_eq!(complaints.iter().filter(missing).count(), 0, "{path}: {complaints:?}");
    }
    ci.engine.stop().await;
}

/// Of `rgb(1, 2, 3)`, between 0 and 1.
fn lightness(colour: &str) -> f64 {
    let parts = colour.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<f64>().ok());
    parts.take(3).sum::<f64>() / 3.0 / 255.0
}

/// Elements whose own text has less contrast with what is behind it than it should.
const CONTRASTS: &str = r#"(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((c) => c / 255);
  };
  const light = (rgb) => rgb.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (it) => {
    const grounds = [];
    for (let at = it; at; at = at.parentElement) {
      const rect = at.matches('svg .node') && at.querySelector('rect');
      grounds.unshift(rect ? getComputedStyle(rect).fill : getComputedStyle(at).backgroundColor);
    }
    return grounds;
  };
  const faint = [];
  for (const it of document.body.querySelectorAll('*')) {
    const own = [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !it.checkVisibility() || it.matches('title, option, script, style')) continue;
    const style = getComputedStyle(it), grounds = behind(it);
    const colour = it instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(paint([...grounds, colour])), light(paint(grounds))].sort((a, b) => b - a);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(`${it.tagName} ${it.className} ${it.textContent.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return faint;
})()"#;
