//! Where a test is written. The sources are as `rustfmt` leaves them, so the depth of a line says what it belongs to.

use std::fs;
use std::path::{Path, PathBuf};

/// Whether there is a test of this name, which is said as `cargo nextest list` says it: `package path::to::test` for a
/// unit test, `package::binary path::to::test` for another one.
///
/// # Errors
///
/// What is missing.
pub(crate) fn find(workspace: &Path, name: &str) -> Result<(), String> {
    let (binary, path) = name.split_once(' ').ok_or_else(|| format!("{name:?} is no name of a test"))?;
    let (package, target) = binary.split_once("::").map_or((binary, None), |(p, target)| (p, Some(target)));
    let package = folder(workspace, package).ok_or_else(|| format!("there is no package {package}"))?;
    let mut module = match target {
        None => Module::at(&package.join("src/lib.rs"), package.join("src")),
        Some(target) => {
            let tests = package.join("tests");
            let (file, folder) = (tests.join(format!("{target}.rs")), tests.join(target));
            Module::at(&file, tests).or_else(|| Module::at(&folder.join("main.rs"), folder.clone()))
        }
    }
    .ok_or_else(|| format!("there is no tests/{}.rs", target.unwrap_or_default()))?;
    let mut steps: Vec<&str> = path.split("::").collect();
    let test = steps.pop().unwrap_or_default();
    for step in steps {
        module = module.child(step).ok_or_else(|| format!("there is no module {step} in {name}"))?;
    }
    module.test(test)
}

/// Where a package of the workspace stands.
fn folder(workspace: &Path, package: &str) -> Option<PathBuf> {
    let manifest = fs::read_to_string(workspace.join("Cargo.toml")).ok()?;
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = "))?;
    let folders = members.split('"').skip(1).step_by(2).map(|member| workspace.join(member));
    let is_it = |folder: &PathBuf| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|manifest| manifest.lines().any(|line| line == format!("name = \"{package}\"")))
    };
    folders.into_iter().find(is_it)
}

/// The lines of a module.
struct Module {
    lines: Vec<String>,
    /// How far they are indented.
    depth: usize,
    /// Where the files of its modules are.
    folder: PathBuf,
}

impl Module {
    fn at(file: &Path, folder: PathBuf) -> Option<Self> {
        let lines = fs::read_to_string(file).ok()?.lines().map(str::to_owned).collect();
        Some(Self { lines, depth: 0, folder })
    }

    /// The module of this name in it.
    fn child(&self, name: &str) -> Option<Self> {
        let folder = self.folder.join(name);
        let (file, inline) = (format!("mod {name};"), format!("mod {name} {{"));
        let start = self.own().position(|line| line.is_some_and(|line| line == file || line == inline))?;
        if self.lines[start].ends_with(';') {
            return Self::at(&self.folder.join(format!("{name}.rs")), folder.clone())
                .or_else(|| Self::at(&folder.join("mod.rs"), folder.clone()));
        }
        let inside = self.own().zip(&self.lines).skip(start + 1).take_while(|(own, _)| *own != Some("}"));
        let lines = inside.map(|(_, line)| line.clone()).collect();
        Some(Self { lines, depth: self.depth + 4, folder })
    }

    /// Whether a test of this name is in it, and runs.
    fn test(&self, name: &str) -> Result<(), String> {
        let (mut attributes, mut is_proptest) = (Vec::new(), false);
        for (own, line) in self.own().zip(&self.lines) {
            is_proptest = own.map_or(is_proptest, |own| own == "proptest! {");
            let said = if is_proptest { line.trim_start() } else { own.unwrap_or_default() };
            let function = said.trim_start_matches("async ").strip_prefix("fn ");
            if said.starts_with("#[") {
                attributes.push(said);
            } else if function.is_some_and(|said| said.split('(').next() == Some(name)) {
                let is = |start| attributes.iter().any(|attribute| attribute.starts_with(start));
                return match (is("#[test]") || is("#[tokio::test"), is("#[ignore")) {
                    (true, false) => Ok(()),
                    (true, true) => Err(format!("{name} is ignored")),
                    (false, _) => Err(format!("there is no test called {name}: it is a function")),
                };
            } else if !said.starts_with("//") {
                attributes.clear();
            }
        }
        Err(format!("there is no test called {name}"))
    }

    /// Each line that belongs to the module itself, without what it is indented by.
    fn own(&self) -> impl Iterator<Item = Option<&str>> {
        self.lines.iter().map(|line| {
            let own = line.trim_start();
            (line.len() - own.len() == self.depth && !own.is_empty())
                .then(|| own.trim_start_matches("pub(crate) ").trim_start_matches("pub "))
        })
    }
}
