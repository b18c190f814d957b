//! Chromium without a screen, spoken to by its DevTools protocol.
//!
//! It speaks over two pipes, not over a port: nobody else reaches it, and when the test dies, by whatever, it ends.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::debian;

/// How long Chromium may take for anything. Only one that hangs needs it all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to end when it is told to.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How the folder of a browser is called; the id of its test's process follows.
const FOLDER: &str = "ci-testbed-chromium-";
/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// A running browser with a profile of its own. Dropping it ends it and removes what it stored.
#[derive(Debug)]
pub struct Browser {
    /// `unshare`, which waits for Chromium.
    chromium: Child,
    wire: Arc<Wire>,
    reader: Option<JoinHandle<()>>,
    // Removed last.
    profile: TempDir,
}

/// A page that shares nothing, cookies included, with others of its browser.
#[derive(Debug)]
pub struct Page {
    wire: Arc<Wire>,
    session: String,
}

/// The two pipes.
#[derive(Debug)]
struct Wire {
    to: Mutex<Option<ChildStdin>>,
    heard: Mutex<Heard>,
    more: Condvar,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Heard {
    answers: HashMap<u64, Result<Json, String>>,
    pages: HashMap<String, Told>,
    ended: bool,
}

/// What a page told by itself.
#[derive(Debug, Default)]
struct Told {
    loads: u64,
    complaints: Vec<String>,
}

impl Browser {
    /// Starts Chromium, in the calling thread's network namespace. First removes what dead processes have left behind.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not come up.
    pub fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "a browser of one's own needs root");
        let program = debian::program("chromium", "chromium");
        let unshare = debian::program("unshare", "util-linux");
        sweep();
        let name = format!("{FOLDER}{}-", std::process::id());
        let profile = tempfile::Builder::new().prefix(&name).tempdir();
        let profile = profile.expect("the folder of temporary files is writable");
        let log = File::create(profile.path().join("log")).expect("a new folder is writable");
        // Its processes, some of which it leaves to init, end with the first of them.
        let mut command = Command::new(unshare);
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        // Chromium takes commands from descriptor 3 and answers to 4.
        command.args(["sh", "-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2"]).arg(program);
        command.args(["--headless", "--remote-debugging-pipe", "--window-size=1280,800", "about:blank"]);
        // Root has no sandbox; and a container may have little shared memory.
        command.args(["--no-sandbox", "--no-zygote", "--disable-dev-shm-usage", "--disable-gpu"]);
        // Nothing but what the test asks for.
        command.args(["--no-first-run", "--no-proxy-server", "--disable-background-networking"]);
        command.args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--disable-breakpad",
        ]);
        command.args(["--hide-scrollbars", "--force-color-profile=srgb", "--font-render-hinting=none"]);
        command.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
        let own = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"];
        command.envs(own.map(|name| (name, profile.path()))).env_remove("DISPLAY");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut chromium = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let wire = Arc::new(Wire {
            to: Mutex::new(chromium.stdin.take()),
            heard: Mutex::default(),
            more: Condvar::new(),
            next: AtomicU64::new(1),
        });
        let (reading, from) = (wire.clone(), chromium.stdout.take().expect("because it is piped"));
        let reader = std::thread::spawn(move || reading.read(BufReader::new(from)));
        let browser = Self { chromium, wire, reader: Some(reader), profile };
        if let Err(error) = browser.wire.ask(None, "Browser.getVersion", json!({})) {
            let log = fs::read(browser.profile.path().join("log")).unwrap_or_default();
            panic!("chromium did not come up: {error}\n{}", String::from_utf8_lossy(&log));
        }
        browser
    }

    /// Where all of its files are.
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }

    /// Opens an empty page, 1280 by 800.
    ///
    /// # Panics
    ///
    /// When Chromium refuses.
    pub fn page(&self) -> Page {
        let wire = self.wire.clone();
        let text = |answer: Json, name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let ask = |method, params| wire.ask(None, method, params).unwrap_or_else(|e| panic!("{method}: {e}"));
        let context = text(ask("Target.createBrowserContext", json!({})), "browserContextId");
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = text(ask("Target.createTarget", target), "targetId");
        let attach = json!({"targetId": target, "flatten": true});
        let session = text(ask("Target.attachToTarget", attach), "sessionId");
        let page = Page { wire: self.wire.clone(), session };
        for domain in ["Page", "Runtime", "Log", "Performance", "HeapProfiler"] {
            page.ask(&format!("{domain}.enable"), json!({}));
        }
        page
    }
}

/// Removes the files of browsers whose tests were killed. The browsers ended with them.
fn sweep() {
    for folder in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next());
        let owner = owner.and_then(|owner| owner.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner.to_string()).exists()) {
            let _another_was_faster = fs::remove_dir_all(folder.path());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.wire.post(None, "Browser.close", &json!({}));
        let deadline = Instant::now() + END_TIMEOUT;
        while self.chromium.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        let _gone = self.chromium.kill();
        let _status = self.chromium.wait();
        self.wire.to.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = self.reader.take() {
            let _panicked = reader.join();
        }
    }
}

impl Page {
    /// Goes to an address, and returns when the page is loaded, redirects included.
    ///
    /// # Panics
    ///
    /// When there is no answer. An error page of the server is one.
    pub fn goto(&self, url: &str) {
        let before = self.wire.heard().told(&self.session).loads;
        let gone = self.ask("Page.navigate", json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        let loaded = |heard: &mut Heard| (heard.told(&self.session).loads > before).then_some(());
        self.wire.wait(loaded).unwrap_or_else(|error| panic!("{url} was never loaded: {error}"));
    }

    /// What an expression gives; a promise is awaited.
    ///
    /// # Panics
    ///
    /// When it throws.
    pub fn eval(&self, expression: &str) -> Json {
        self.try_eval(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_eval(&self, expression: &str) -> Result<Json, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.wire.ask(Some(&self.session), "Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(thrown) => panic!("{expression}: {thrown}"),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// The text of an expression.
    ///
    /// # Panics
    ///
    /// When it is no text, or throws.
    pub fn text(&self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// Waits until a condition holds: it is looked at whenever the document changes, on whatever page that is.
    ///
    /// # Panics
    ///
    /// When it never holds; the message holds what the page shows instead.
    pub fn until(&self, condition: &str) {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let millis = ANSWER_TIMEOUT.as_millis() / 2;
        let watch = format!(
            "new Promise((done) => {{ const holds = () => {{ try {{ return !!({condition}); }} catch {{ return false; }} }}; \
             const look = () => holds() && (observer.disconnect(), done(true)); \
             const observer = new MutationObserver(look); setTimeout(() => done(holds()), {millis}); \
             observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }}); \
             look(); }})"
        );
        loop {
            // An error: the page went away under it.
            if let Ok(Json::Bool(true)) = self.try_eval(&watch) {
                return;
            }
            if deadline < Instant::now() {
                let shown = self.eval("location.href + '\\n' + document.body.innerText.slice(0, 4000)");
                panic!("never {condition}, but {}", shown.as_str().unwrap_or_default());
            }
        }
    }

    /// Clicks into the middle of the first element that a selector finds, as a mouse does.
    ///
    /// # Panics
    ///
    /// When there is none, or something lies over it.
    pub fn click(&self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const it = document.querySelector({0}); if (!it) return null; \
             it.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = it.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2; \
             return it.contains(document.elementFromPoint(x, y)) ? [x, y] : 'covered'; }})()",
            Json::from(selector)
        ));
        let (Some(x), Some(y)) = (place[0].as_f64(), place[1].as_f64()) else {
            panic!("{selector} can't be clicked: {place}")
        };
        for what in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": what, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    /// Makes the window this large; one of a phone, if `phone`.
    pub fn resize(&self, width: u32, height: u32, phone: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Prefers dark pages, or light ones.
    pub fn prefer_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let scheme = json!({"name": "prefers-color-scheme", "value": scheme});
        self.ask("Emulation.setEmulatedMedia", json!({"features": [scheme]}));
    }

    /// What is in the window, as PNG.
    ///
    /// # Panics
    ///
    /// When Chromium refuses.
    pub fn screenshot(&self) -> Vec<u8> {
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png", "optimizeForSpeed": false}));
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap_or_default());
        png.expect("chromium gives base64")
    }

    /// A figure of Chromium's about this page, after garbage is collected: `Nodes`, `JSHeapUsedSize`, …
    ///
    /// # Panics
    ///
    /// When there is no such figure.
    pub fn metric(&self, name: &str) -> f64 {
        self.ask("HeapProfiler.collectGarbage", json!({}));
        let metrics = self.ask("Performance.getMetrics", json!({}));
        let mut metrics = metrics["metrics"].as_array().into_iter().flatten();
        let metric = metrics.find(|metric| metric["name"] == name);
        metric.and_then(|metric| metric["value"].as_f64()).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// What the browser found wrong with this page so far: errors and warnings of the console, uncaught exceptions,
    /// what the content policy blocked, answers that were errors, dialogs (which are closed).
    pub fn complaints(&self) -> Vec<String> {
        self.wire.heard().told(&self.session).complaints.clone()
    }

    fn ask(&self, method: &str, params: Json) -> Json {
        self.wire.ask(Some(&self.session), method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

impl Wire {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends, and does not wait. That nobody listens any more is told to whoever waits for an answer.
    fn post(&self, session: Option<&str>, method: &str, params: &Json) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        if let Some(to) = &mut *self.to.lock().unwrap_or_else(PoisonError::into_inner) {
            let _broken = to.write_all(format!("{message}\0").as_bytes()).and_then(|()| to.flush());
        }
        id
    }

    fn ask(&self, session: Option<&str>, method: &str, params: Json) -> Result<Json, String> {
        let id = self.post(session, method, &params);
        self.wait(|heard| heard.answers.remove(&id))?
    }

    /// Waits for something to be heard.
    fn wait<T>(&self, mut look: impl FnMut(&mut Heard) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let mut heard = self.heard();
        loop {
            if let Some(found) = look(&mut heard) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.ended || left.is_zero() {
                return Err(
                    if heard.ended { "chromium has ended" } else { "chromium says nothing" }.to_owned()
                );
            }
            heard = self.more.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn read(&self, mut from: impl std::io::BufRead) {
        let mut message = Vec::new();
        while from.read_until(0, &mut message).is_ok_and(|read| read > 0) {
            message.pop_if(|last| *last == 0);
            if let Ok(message) = serde_json::from_slice(&message) {
                self.take(message);
            }
            message.clear();
        }
        self.heard().ended = true;
        self.more.notify_all();
    }

    fn take(&self, mut message: Json) {
        if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
                None => Ok(message["result"].take()),
            };
            self.heard().answers.insert(id, answer);
            return self.more.notify_all();
        }
        let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
        let (method, params) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
        let is_bad = |level: &Json| matches!(level.as_str(), Some("error" | "warning" | "assert"));
        let complaint = match method {
            "Page.loadEventFired" => {
                self.heard().told(&session).loads += 1;
                return self.more.notify_all();
            }
            "Page.javascriptDialogOpening" => {
                self.post(Some(&session), "Page.handleJavaScriptDialog", &json!({"accept": false}));
                Some(format!("dialog: {}", params["message"]))
            }
            "Runtime.consoleAPICalled" if is_bad(&params["type"]) => {
                Some(format!("console: {}", params["args"]))
            }
            "Runtime.exceptionThrown" => Some(format!("exception: {}", params["exceptionDetails"])),
            "Log.entryAdded" if is_bad(&params["entry"]["level"]) => {
                let entry = &params["entry"];
                Some(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
            }
            _ => None,
        };
        self.heard().told(&session).complaints.extend(complaint);
    }
}

impl Heard {
    fn told(&mut self, session: &str) -> &mut Told {
        self.pages.entry(session.to_owned()).or_default()
    }
}
