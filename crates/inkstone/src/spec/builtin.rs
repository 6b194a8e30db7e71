//! The recipes that are part of the library, by name.

use std::path::Path;

use super::recipe::Recipe;

/// Name and text of each.
const RECIPES: [(&str, &str); 4] = [
    ("mnist", include_str!("../../recipes/mnist.toml")),
    ("mnist-fast", include_str!("../../recipes/mnist-fast.toml")),
    ("images", include_str!("../../recipes/images.toml")),
    ("digits", include_str!("../../recipes/digits.toml")),
];

/// The names of the built-in recipes.
pub fn recipe_names() -> Vec<&'static str> {
    RECIPES.iter().map(|(name, _)| *name).collect()
}

/// The text of a built-in recipe, comments and all.
pub fn recipe_text(name: &str) -> Option<&'static str> {
    RECIPES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The built-in recipe called `name`.
///
/// # Panics
/// Never: a test reads them all.
pub fn recipe(name: &str) -> Option<Recipe> {
    let file = format!("recipes/{name}.toml");
    recipe_text(name).map(|text| Recipe::parse(text, Path::new(&file)).expect("the built-in recipes are right"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_right_and_says_what_it_claims() {
        for name in recipe_names() {
            let text = recipe_text(name).unwrap();
            assert!(text.starts_with("# "), "{name} has no header");
            assert!(recipe(name).is_some(), "{name}");
        }
        assert_eq!(recipe("nothing"), None);
    }
}
