//! A recipe for images that nobody has described: looks at them, tries what cannot be seen, and gives each choice with its
//! reason. Only proposes: the text is for a person to read and change. Looks at no image of the source's own validation
//! and test parts but to count them.

mod choices;
mod look;
mod text;
mod trial;

use serde::Serialize;

use crate::data::Dataset;
use crate::data::duplicates::exact;
use crate::data::fingerprint::Fingerprint;
use crate::engine::Isa;
use crate::error::Result;
use crate::parallel::Pool;
use crate::spec::Recipe;

pub use look::Look;
pub use trial::{Flip, Rates};

/// A recipe with a reason for each choice. As JSON: version 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Proposal {
    /// The version of this format: 1.
    pub version: u32,
    /// The dataset's name.
    pub source: String,
    /// What was seen without training.
    pub look: Look,
    /// The choices, in the order of the recipe.
    pub choices: Vec<Choice>,
    /// The recipe's text, comments included.
    pub recipe: String,
}

/// One key of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// Its dotted name.
    pub key: String,
    /// Its value in TOML; none where the key is best left out.
    pub value: Option<String>,
    /// Why.
    pub reason: String,
}

/// What a proposal is made for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The images.
    pub dataset: &'a Dataset,
    /// Their hashes.
    pub hashes: &'a Fingerprint,
    /// How a recipe names them: a set's name or a path.
    pub source: &'a str,
    /// The threads.
    pub pool: &'a Pool,
    /// The instruction set.
    pub isa: Isa,
}

/// Looks at the images, trains a few small models of seconds each on a part of them, and proposes. `observe` is told what
/// is being tried.
///
/// The same images and instruction set give the same proposal, on any number of threads.
///
/// # Errors
/// A dataset that no recipe can train on, such as one with a single class.
pub fn propose(task: &Task<'_>, observe: &mut dyn FnMut(&str)) -> Result<Proposal> {
    let look = Look::at(task.dataset, &exact(task.hashes));
    let choices = choices::choose(task, &look, observe)?;
    let recipe = text::write(&task.dataset.name, &look, &choices);
    let proposal = Proposal { version: 1, source: task.dataset.name.clone(), look, choices, recipe };
    proposal.parse()?;
    Ok(proposal)
}

impl Proposal {
    /// The recipe that its text means.
    ///
    /// # Errors
    /// None but by a fault of this program.
    pub fn parse(&self) -> Result<Recipe> {
        Recipe::parse(&self.recipe, "the proposed recipe")
    }
}
