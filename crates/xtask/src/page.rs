//! The report in a real browser: no error on its console and no request, wide and narrow. Needs chromium; without it the
//! check is counted as not run.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::{self, Chore, Step};

/// What chromium is called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Widths that people have: a desk, a telephone.
const WIDTHS: [u32; 2] = [1280, 390];

/// Opens the report of the built-in model.
pub(crate) fn opens(chore: &mut Chore) -> Result<(), String> {
    let Some(browser) = BROWSERS.into_iter().find(|name| steps::succeeds(name, &["--version"])) else {
        chore.not_run.push("the report in a browser (no chromium)".to_owned());
        return Ok(());
    };
    let folder = Path::new("target/page");
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("report.html");
    let name = file.display().to_string();
    let evaluate = ["run", "-q", "--release", "-p", "inkstone-cli", "--", "evaluate", "digits", "--html", &name, "-q"];
    chore.run(Step::cargo(&evaluate))?;
    let page = file.canonicalize().map_err(|error| format!("{name}: {error}"))?;
    for width in WIDTHS {
        let said = console(browser, &page, folder, width)?;
        if !said.is_empty() {
            return Err(format!("{name} at {width} pixels: {}", said.join("\n")));
        }
        println!("{name} at {width} pixels: nothing on the console");
        chore.n_steps += 1;
    }
    Ok(())
}

/// The console's lines. A request would be one of them: the page's own policy forbids any, and the browser complains.
fn console(browser: &str, page: &Path, folder: &Path, width: u32) -> Result<Vec<String>, String> {
    let profile = folder.join(format!("profile-{width}"));
    let words = [
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--enable-logging=stderr".to_owned(),
        "--dump-dom".to_owned(),
        "--host-resolver-rules=MAP * ~NOTFOUND".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={width},2000"),
        format!("file://{}", page.display()),
    ];
    let output = Command::new(browser).args(&words).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{browser}: {error}"))?;
    let page = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !page.contains("aria-pressed=\"true\"") {
        return Err(format!("{browser} did not run the page: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect())
}
