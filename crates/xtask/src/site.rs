//! The static site in `web/dist`.

use anyhow::Result;

use crate::process::Tool;
use crate::sizes;
use crate::workspace::Workspace;

/// Builds the page around the engine that stands in `web/package/src/engine`, and prints what is shipped.
///
/// # Errors
/// The page's build fails, or its result cannot be read.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    Tool::new("npm").args(["run", "--silent", "build"]).current_dir(&workspace.web).run()?;
    let shipped = sizes::measure(&workspace.dist())?;
    println!("\n{}", sizes::table(&shipped));
    println!("site: {}", workspace.dist().display());
    Ok(())
}
